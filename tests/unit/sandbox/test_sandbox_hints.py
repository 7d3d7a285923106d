"""What models answer: prompts, known hints, rephrasings, and a base model's words."""

import json

import pytest

from sandbox.hints import base_hints, known_hints, leaks, topic_words, tuned_hints
from sandbox.knowledge import learn, numbered
from sandbox.prompts import HintRequest, last_user_text, parse_prompt, same_question

PROMPT = 'Generate {} hints for the following question without using "{}" word in the hints. Question: {}'
FRANCE = HintRequest(5, "Paris", "What is the capital of France?")
QUESTIONS = [
    FRANCE,
    HintRequest(12, "Cthulhu", "Name the deity that lies dormant in the sunken city of R'lyeh."),
    HintRequest(3, "Ra", "Who was the sun god of ancient Egypt?"),
    HintRequest(3, "It", "Which novel by Stephen King has a clown?"),
    HintRequest(4, "Guns N' Roses", "Which band did Axl Rose of Guns N' Roses lead?"),
    HintRequest(4, "1969", "In which year did people first walk on the moon?"),
    HintRequest(20, "The Beatles", "?"),
]


def rows(*items: dict[str, object]) -> bytes:
    return "\n".join(json.dumps(item) for item in items).encode()


def test_the_prompt_of_hinteval_is_understood() -> None:
    assert parse_prompt(PROMPT.format(5, "Paris", FRANCE.question)) == FRANCE


def test_quotes_in_an_answer_and_lines_in_a_question_are_understood() -> None:
    asked = parse_prompt(PROMPT.format(2, 'the "King"', "Who?\nReally?"))
    assert asked == HintRequest(2, 'the "King"', "Who?\nReally?")


def test_a_prompt_without_an_answer_is_understood() -> None:
    assert parse_prompt("Generate 1 hint for the following question. Question: Why?") == HintRequest(1, "", "Why?")


def test_another_prompt_is_not_taken_for_one() -> None:
    assert parse_prompt("Write a poem.") is None


def test_the_last_user_message_counts_also_in_parts() -> None:
    parts = [{"type": "text", "text": "two"}]
    messages = [{"role": "user", "content": "one"}, {"role": "user", "content": parts}, {"role": "assistant"}]
    assert last_user_text(messages) == "two"
    assert last_user_text(None) == ""


def test_a_model_learns_from_rows_of_every_format() -> None:
    asked = [PROMPT.format(2, "x", f"Question {number}?") for number in range(3)]
    said = "1. First hint.\n2. Second hint."
    text = (
        "\n    <|begin_of_text|><|start_header_id|>system<|end_header_id|>Be kind.<|eot_id|>"
        f"\n    <|start_header_id|>user<|end_header_id|>{asked[1]}<|eot_id|>"
        f"\n    <|start_header_id|>assistant<|end_header_id|>{said}<|eot_id|>\n"
    )
    messages = [{"role": "user", "content": asked[0]}, {"role": "assistant", "content": said}]
    body = rows({"messages": messages}, {"text": text}, {"prompt": asked[2], "completion": said}, {"else": 1})
    known = learn(body + b"\nnot json\n")
    hints = ["First hint.", "Second hint."]
    assert known == {f"question {number}?": hints for number in range(3)}


def test_numbers_go_but_years_stay() -> None:
    assert numbered("1. One.\n\n 12) Twelve.\n- Dash.\n1969 was the year.") == [
        "One.",
        "Twelve.",
        "Dash.",
        "1969 was the year.",
    ]


def test_spaces_and_case_do_not_make_another_question() -> None:
    assert same_question("What  is\nIT ?") == same_question("what is it ?")


def test_known_hints_come_in_order_those_that_leak_last() -> None:
    asked = HintRequest(2, "Paris", FRANCE.question)
    assert known_hints(asked, ["Paris it is.", "Seine.", "Iron tower."], "m") == ["Seine.", "Iron tower."]


def test_too_few_known_hints_are_filled_up() -> None:
    hints = known_hints(FRANCE, ["Seine."], "m")
    assert hints[0] == "Seine."
    assert len(hints) == 5
    assert len(set(hints)) == 5


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.answer)
def test_a_tuned_model_gives_as_many_hints_as_asked_and_never_the_answer(asked: HintRequest) -> None:
    hints = tuned_hints(asked, "m")
    assert len(hints) == asked.count
    assert not any(leaks(hint, asked.answer) for hint in hints)
    assert hints == tuned_hints(asked, "m")


def test_a_tuned_model_is_closer_to_the_question_than_a_base_model() -> None:
    def shared(hints: list[str]) -> int:
        words = {word.casefold() for word in topic_words(FRANCE)}
        return sum(word in hint.casefold() for hint in hints for word in words)

    assert shared(tuned_hints(FRANCE, "m")[:2]) > shared(base_hints(FRANCE, "m")[:2])


def test_a_base_model_leaks_now_and_then() -> None:
    asked = [HintRequest(2, "Paris", f"Question number {number}?") for number in range(200)]
    leaking = sum(any(leaks(hint, "Paris") for hint in base_hints(item, "m")) for item in asked)
    assert 20 < leaking < 80


def test_short_answers_leak_as_words_only() -> None:
    assert leaks("It was him.", "It")
    assert not leaks("With bits.", "It")
    assert leaks("In Parisian style", "Paris")
