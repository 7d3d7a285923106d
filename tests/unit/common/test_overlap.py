"""One piece of work is away while the next is made."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from common.overlap import one_ahead


@dataclass
class Diary:
    """What happened, in its order; `refused` is never answered."""

    happened: list[str] = field(default_factory=list)
    refused: int = 0

    def make(self, item: int) -> int:
        self.happened.append(f"made {item}")
        return item * 10

    def send(self, made: int) -> Errand:
        self.happened.append(f"sent {made}")
        return Errand(self, made)


@dataclass
class Errand:
    diary: Diary
    made: int

    def answer(self) -> int:
        if self.made == self.diary.refused:
            raise ValueError("refused")
        self.diary.happened.append(f"answered {self.made}")
        return self.made + 1

    def drop(self) -> None:
        self.diary.happened.append(f"dropped {self.made}")


def test_the_next_is_made_while_one_is_on_its_way() -> None:
    diary = Diary()
    assert list(one_ahead([1, 2], diary.make, diary.send)) == [11, 21]
    assert diary.happened == ["made 1", "sent 10", "made 2", "answered 10", "sent 20", "answered 20"]


def test_of_nothing_nothing_is_sent() -> None:
    diary = Diary()
    assert list(one_ahead([], diary.make, diary.send)) == []
    assert diary.happened == []


def test_nothing_is_sent_after_a_refusal() -> None:
    diary = Diary(refused=20)
    with pytest.raises(ValueError, match="refused"):
        list(one_ahead([1, 2, 3, 4], diary.make, diary.send))
    assert diary.happened[-1] == "made 3"


def test_nothing_is_sent_before_the_answer_to_the_last_one_was_taken() -> None:
    diary = Diary()
    answers = one_ahead([1, 2, 3], diary.make, diary.send)
    next(answers)
    answers.close()
    assert diary.happened == ["made 1", "sent 10", "made 2", "answered 10"]


def test_what_is_away_when_the_next_cannot_be_made_is_dropped() -> None:
    diary = Diary()

    def make(item: int) -> int:
        return diary.make(item) // (2 - item)

    with pytest.raises(ZeroDivisionError):
        list(one_ahead([1, 2], make, diary.send))
    assert diary.happened[-1] == "dropped 10"
