from __future__ import annotations

import threading

import pytest

from common.overlap import one_ahead


def test_the_next_is_made_while_one_is_on_its_way() -> None:
    making_second = threading.Event()

    def make(item: int) -> int:
        if item == 2:
            making_second.set()
        return item * 10

    def send(made: int) -> int:
        assert making_second.wait(10)  # made in turn with what is sent, it would wait for ever
        return made + 1

    assert list(one_ahead([1, 2, 3], make, send)) == [11, 21, 31]


def test_one_alone_needs_no_thread() -> None:
    assert list(one_ahead([1], str, lambda made: threading.current_thread())) == [threading.current_thread()]
    assert list(one_ahead([], str, str)) == []


def test_nothing_is_sent_after_a_failure() -> None:
    sent: list[int] = []

    def send(made: int) -> int:
        sent.append(made)
        if made == 2:
            raise ValueError("refused")
        return made

    with pytest.raises(ValueError, match="refused"):
        list(one_ahead([1, 2, 3, 4], int, send))
    assert sent == [1, 2]


def test_nothing_is_sent_before_the_answer_to_the_last_one_was_taken() -> None:
    sent: list[int] = []
    answers = one_ahead([1, 2, 3], int, sent.append)
    next(answers)
    answers.close()
    assert sent == [1]
