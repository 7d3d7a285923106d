"""What questions are compared by is the same for one alone and for many at once."""

from __future__ import annotations

import pytest

from common.dataset import Row
from common.gates import Overlap
from common.wording import Keys


@pytest.mark.parametrize("beside", ["Who sang it?", "Who sang Déjà Vu?"])
def test_rows_of_equal_words_are_alike_whatever_stands_beside_them(beside: str) -> None:
    asked = Overlap()
    asked.add("What is the capital of France?", "Paris")
    keys = Keys()
    keys.put(
        0,
        [
            Row("first", beside, "Beyonce", ("h",)),
            None,
            Row("same", "what is  the CAPITAL of France", "paris.", ("h",)),
            Row("wide", "What is the capital of Ｆrance?", "Lyon", ("h",)),
        ],
    )
    alike = list(keys.alike([0, 2, 3], asked))
    assert alike == [
        (2, "what is the capital of france", "paris"),
        (3, "what is the capital of france", "lyon"),
    ]
