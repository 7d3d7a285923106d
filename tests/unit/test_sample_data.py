"""The sample data set: HintEval's shape, the promised counts, and no hint that gives its answer away."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[2] / "producer" / "sample" / "hints-60.json"
FILLERS = {"the", "van"}  #: words of an answer that a hint may well use


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return data


def instances(sample: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for subset in sample["subsets"].values():
        yield from subset["instances"].values()


def hints(instance: dict[str, Any]) -> list[str]:
    return [hint["hint"] for hint in instance["hints"]]


def has_word(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None


def test_the_file_is_named_and_licensed_as_ours(sample: dict[str, Any]) -> None:
    assert list(sample) == ["name", "version", "description", "url", "metadata", "subsets"]
    assert (sample["name"], sample["version"], sample["url"]) == ("hintrelay-sample", "1.0.0", "")
    assert "written for the hintrelay project" in sample["description"]
    assert "MIT" in sample["description"]


def test_the_file_is_written_the_way_it_would_be_written_again(sample: dict[str, Any]) -> None:
    again = json.dumps(sample, indent=1, ensure_ascii=False) + "\n"
    assert SAMPLE.read_bytes() == again.encode()


@pytest.mark.parametrize(("subset", "count"), [("train", 48), ("test", 12)])
def test_each_subset_numbers_its_questions_from_one(sample: dict[str, Any], subset: str, count: int) -> None:
    assert list(sample["subsets"]) == ["train", "test"]
    assert sample["subsets"][subset]["name"] == subset
    expected = [f"{subset}_{number:02}" for number in range(1, count + 1)]
    assert list(sample["subsets"][subset]["instances"]) == expected


def test_every_instance_has_the_keys_that_hinteval_reads(sample: dict[str, Any]) -> None:
    blank: dict[str, Any] = {"entities": [], "metrics": {}, "metadata": {}}
    for instance in instances(sample):
        question, answers = instance["question"], instance["answers"]
        assert list(instance) == ["question", "answers", "hints", "metadata"]
        assert question == {"question": question["question"], "question_type": {}} | blank
        assert answers == [{"answer": answers[0]["answer"]} | blank]
        assert instance["hints"] == [{"hint": hint, "source": None} | blank for hint in hints(instance)]


def test_training_questions_have_five_hints_and_test_questions_three_to_five(sample: dict[str, Any]) -> None:
    counts = {
        name: {len(instance["hints"]) for instance in subset["instances"].values()}
        for name, subset in sample["subsets"].items()
    }
    assert counts["train"] == {5}
    assert counts["test"] <= {3, 4, 5}


def test_every_hint_is_a_sentence_of_8_to_25_words(sample: dict[str, Any]) -> None:
    every = [hint for instance in instances(sample) for hint in hints(instance)]
    assert [hint for hint in every if not 8 <= len(hint.split()) <= 25] == []
    assert [hint for hint in every if not (hint[0].isupper() and hint.endswith("."))] == []


def test_no_hint_contains_its_answer_or_a_content_word_of_it(sample: dict[str, Any]) -> None:
    leaks = []
    for instance in instances(sample):
        answer = instance["answers"][0]["answer"]
        words = [answer, *(word for word in re.findall(r"\w+", answer) if word.lower() not in FILLERS)]
        leaks += [(answer, hint) for hint in hints(instance) for word in words if has_word(hint, word)]
    assert leaks == []


def test_no_question_contains_its_own_answer(sample: dict[str, Any]) -> None:
    for instance in instances(sample):
        assert not has_word(instance["question"]["question"], instance["answers"][0]["answer"])


def test_questions_answers_and_hints_are_unique_over_both_subsets(sample: dict[str, Any]) -> None:
    questions = [instance["question"]["question"].casefold() for instance in instances(sample)]
    answers = [instance["answers"][0]["answer"].casefold() for instance in instances(sample)]
    every = [hint.casefold() for instance in instances(sample) for hint in hints(instance)]
    for values in (questions, answers, every):
        assert len(set(values)) == len(values)
