"""What a judge's reply says, and that a reply which says nothing is never taken for an answer."""

from __future__ import annotations

import pytest

from worker.adapters.judge_replies import is_candidate, is_yes_or_no, says_level


@pytest.mark.parametrize(
    "reply", ["3", " 6.", "the level is 6", "**Rating: 3**", "Readability: 4/6", '{"level": 2}', "5 = in detail", "2\n"]
)
def test_a_level_is_a_number_that_the_reply_begins_with(reply: str) -> None:
    assert says_level(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "hard",
        "9",
        "0",
        "-1",
        "3.7",
        "17",
        '{"level": 12}',
        "<html><body><h1>502 Bad Gateway</h1></body></html>",
        "<h1>Too busy</h1>",
        "I'm sorry, but I can't rate this on the 1-6 scale.",
        "On a scale (scale=1-6): 4",  # HintEval would read 1
        "1-6",
        "1 to 6",
        "As an AI model I have 2 rules",
        "Between 2 and 3",
    ],
)
def test_a_reply_without_a_level_is_none_though_hinteval_finds_a_number_in_it(reply: str) -> None:
    assert not says_level(reply)


@pytest.mark.parametrize("reply", ["Yes", "no", "No.", "Yes, it does", "YES!", " no\n"])
def test_yes_and_no_are_words(reply: str) -> None:
    assert is_yes_or_no(reply)


@pytest.mark.parametrize(
    "reply", ["Not sure", "None", "Nothing fits", "", "<html>no</html>", "Maybe", "Yesterday", "I"]
)
def test_what_only_begins_like_yes_or_no_is_neither(reply: str) -> None:
    assert not is_yes_or_no(reply)


@pytest.mark.parametrize(
    "text",
    ["Vienna", "Wolfgang Amadeus Mozart", "42", "AC/DC", "No Country for Old Men", "I Am Legend", "Sorry", "I, Robot"],
)
def test_a_candidate_is_a_short_name(text: str) -> None:
    assert is_candidate(text)


@pytest.mark.parametrize(
    "text",
    ["", "-", "<html>", '{"foo": [1, 2]}', "I'm sorry, I cannot help", "I cannot answer that", "As an AI", "x" * 200],
)
def test_a_refusal_or_markup_is_no_candidate(text: str) -> None:
    assert not is_candidate(text)
