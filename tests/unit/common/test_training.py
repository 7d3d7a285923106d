"""A line made around one frame is the row that `training_row` says."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dataset import Row
from common.lines import line_of
from common.prompts import Format, training_row

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["<user>", "<assistant>", '"', "\\", "%s", "100 %"]
)


@pytest.mark.parametrize("shape", ["messages", "llama3"])
@given(question=texts, answer=texts, hints=st.lists(texts, max_size=12).map(tuple))
def test_a_line_is_its_row(shape: Format, question: str, answer: str, hints: tuple[str, ...]) -> None:
    expected = orjson.dumps(training_row(shape, question, answer, hints)) + b"\n"
    assert line_of(shape)(Row("q", question, answer, hints)) == expected
    said = "\n".join(f"{number}. {hint}" for number, hint in enumerate(hints, 1))
    assert orjson.dumps(said)[1:-1] in expected
