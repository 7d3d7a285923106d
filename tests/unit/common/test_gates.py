"""What is wrong with training data is found before it costs money."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import InvalidSpec
from common.gates import first_leak, garbled, leaks
from common.selection import Selection, select
from common.spec import DatasetSpec, GatesSpec


def instance(question: str, answer: str, *hints: str) -> dict[str, Any]:
    return {
        "question": {"question": question},
        "answers": [{"answer": answer}],
        "hints": [{"hint": hint} for hint in hints or ("It is well known.",)],
    }


TRAIN = {
    "good": instance("Which river flows through Vienna?", "Danube"),
    "leak": instance("Who painted the Mona Lisa?", "Leonardo da Vinci", "Some say leonardo  DA Vinci.", "A master."),
    "same": instance("What is the capital of France?", "Paris"),
    "near": instance("Which mountain is the very highest mountain on the whole earth", "Mount Everest"),
    "mojibake": instance("Who sang Déjà Vu in 2006?", "Beyonce", "She is called BeyoncÃ© by some."),
}
TEST = {
    "t1": instance("What is the capital of  France", "Paris"),
    "t2": instance("Which mountain is the highest mountain on the whole earth?", "Mount Everest"),
    "t3": instance("Which mountain is the highest mountain on the whole moon?", "Mons Huygens"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"subsets": {"train": {"instances": TRAIN}, "test": {"instances": TEST}}}))
    return file


def gated(path: Path, **gates: Any) -> Selection:
    return select(path, DatasetSpec(source="x.json", gates=GatesSpec(**gates)), "messages")


def kept(chosen: Selection) -> set[str]:
    said = b"".join(chosen.training_lines(1)).decode()
    return {row_id for row_id, row in TRAIN.items() if " ".join(row["question"]["question"].split()) in said}


def test_by_default_all_is_told_and_nothing_left_out(path: Path) -> None:
    chosen = gated(path)
    assert kept(chosen) == set(TRAIN)
    assert chosen.counts == {
        "train_rows": 5, "test_questions": 3, "found_answer_in_hint": 1, "found_overlap": 2, "found_mojibake": 1,
    }  # fmt: skip
    assert chosen.findings["overlap"].near == 1
    assert "leak" in chosen.findings["answer_in_hint"].examples[0]


@pytest.mark.parametrize(
    ("gate", "gone"), [("answer_in_hint", {"leak"}), ("overlap", {"same", "near"}), ("mojibake", {"mojibake"})]
)
def test_a_gate_that_drops_leaves_its_rows_out(path: Path, gate: str, gone: set[str]) -> None:
    chosen = gated(path, **{gate: "drop"})
    assert kept(chosen) == set(TRAIN) - gone
    assert chosen.counts[f"dropped_{gate}"] == len(gone)
    assert chosen.counts["train_rows"] == len(TRAIN) - len(gone)


def test_a_gate_that_blocks_refuses_with_the_row_it_found(path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"dataset.gates.overlap: blocks, for 2 rows of subset 'train' of x.json"):
        gated(path, overlap="block")


def test_only_questions_that_are_asked_overlap(path: Path) -> None:
    chosen = select(path, DatasetSpec(source="x.json", test_limit=1, gates=GatesSpec(overlap="drop")))
    assert chosen.counts["dropped_overlap"] == 1


@pytest.mark.parametrize(
    ("answer", "hint", "told"),
    [
        ("Paris", "It is paris.", True),
        ("Paris", "Parisians live there.", False),
        ("da Vinci", "Leonardo Da  Vinci", True),
        ("C++", "C is its father", True),
        ("10", "10,000 people", True),
        ("!?", "What!?", True),
        ("ﬁsh", "A fish", True),
    ],
)
def test_an_answer_is_found_by_its_words(answer: str, hint: str, told: bool) -> None:
    assert leaks(answer, hint) is told


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("Beyoncé", False),
        ("BeyoncÃ©", True),
        ("â€œquotedâ€\x9d", True),
        ("naïve", False),
        ("\ufffd", True),
        ("日本", False),
    ],
)
def test_mojibake_is_told_from_foreign_letters(text: str, bad: bool) -> None:
    assert garbled(text) is bad


@pytest.mark.parametrize("hint", ["A river, the ＤＡＮＵＢＥ.", "It is the danube, in Österreich."])
def test_an_answer_is_found_in_a_foreign_hint_among_others(hint: str) -> None:
    told = first_leak("Danube", "danube", ("Déjà vu.", "It is long.", hint))
    assert told == hint
