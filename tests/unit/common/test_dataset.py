"""HintEval's data sets: what is read, what is left out and counted, what is refused."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from common.dataset import clean, is_name, is_url, refuse_pickle, rows
from common.errors import InvalidSpec
from common.selection import Selection, select
from common.spec import DatasetSpec, JobSpec
from common.training import measured, write_training

GOLDEN = "07f52a8091ecd8ec1afaea937180ce1a93ba718caf4394c2b776b3f63edbf7d1"
SAMPLE = Path(__file__).parents[3] / "producer" / "sample" / "hints-60.json"


def instance(question: object = "Q?", answers: object = ("A",), hints: object = ("h1", "h2")) -> dict[str, Any]:
    def each(values: object, key: str) -> object:
        return [{key: value} for value in values] if isinstance(values, tuple) else values

    return {"question": {"question": question}, "answers": each(answers, "answer"), "hints": each(hints, "hint")}


def subsets(train: list[dict[str, Any]], test: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    def subset(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"instances": {f"q{n}": row for n, row in enumerate(rows)}}

    return {"train": subset(train), "test": subset([instance()] if test is None else test)}


def subsets_file(train: list[dict[str, Any]], test: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"subsets": subsets(train, test)}


def wanted(**given: Any) -> DatasetSpec:
    return DatasetSpec(source="x.json", **given)


class Chooser:
    """Selects from a document as from a file that the spec calls x.json."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, document: Any, spec: JobSpec | None = None, **given: Any) -> Selection:
        self._path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        form = spec.finetune.format if spec else None
        return select(self._path, spec.dataset if spec else wanted(**given), form)

    def fault(self, document: Any, **given: Any) -> str:
        with pytest.raises(InvalidSpec) as caught:
            self(document, **given)
        return caught.value.message


@pytest.fixture
def choose(tmp_path: Path) -> Chooser:
    return Chooser(tmp_path / "data")


def asked(chosen: Selection) -> list[str]:
    return [row_id for row_id, _ in chosen.questions()]


def test_the_shipped_sample_is_read_whole(tmp_path: Path) -> None:
    spec = JobSpec.parse(
        {"version": 1, "dataset": {"source": "hints-60.json"}, "finetune": {"model": "a/b"}, "name": "x"}
    )
    chosen = select(SAMPLE, spec.dataset, spec.finetune.format)
    assert {name: chosen.counts[name] for name in ("train_rows", "test_questions")} == {
        "train_rows": 48,
        "test_questions": 12,
    }
    assert asked(chosen)[0] == "test_01"
    write_training(chosen, spec, tmp_path / "file.jsonl")
    data = (tmp_path / "file.jsonl").read_bytes()
    assert measured(chosen, spec).dump() == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    assert measured(chosen, spec).sha256 == GOLDEN, "files that were uploaded are known by their hash"


def test_a_byte_order_mark_does_no_harm(choose: Chooser) -> None:
    assert choose(b"\xef\xbb\xbf" + json.dumps(subsets_file([instance()])).encode()).counts["train_rows"] == 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "dataset.source: x.json is not JSON"),
        (b"{", "dataset.source: x.json is not JSON"),
        (b'{"subsets": "caf\xe9"}', "dataset.source: x.json is not UTF-8 (byte 16)"),
        (b'{"subsets": {"a": "\\ud800"}}', "dataset.source: x.json is not JSON"),
        (b"[" * 5000, "dataset.source: x.json is not JSON"),
        (b"[]", "dataset.source: x.json is not HintEval JSON: it lacks the object `subsets`"),
        (b'{"subsets": []}', "dataset.source: x.json is not HintEval JSON: it lacks the object `subsets`"),
        (pickle.dumps({"subsets": {}}), "dataset.source: x.json is a pickle or compressed"),
        (b"\x1f\x8b\x08", "dataset.source: x.json is a pickle or compressed"),
    ],
)
def test_bytes_that_are_no_data_set_are_refused(choose: Chooser, data: bytes, sentence: str) -> None:
    assert choose.fault(data).startswith(sentence)


@pytest.mark.parametrize("source", ["a.pickle", "a.PKL", "a.json.gz", "s3://b/a.joblib"])
def test_a_pickle_is_refused_by_its_name_before_anything_is_read(source: str) -> None:
    with pytest.raises(InvalidSpec, match="only HintEval JSON is read"):
        refuse_pickle(source)


@pytest.mark.parametrize(
    ("given", "data", "sentence"),
    [
        ({"train": "dev"}, {}, "dataset.train: x.json has no subset 'dev'; it has: test, train"),
        ({"test": "dev"}, {}, "dataset.test: x.json has no subset 'dev'; it has: test, train"),
        ({}, {"train": []}, "dataset.train: x.json has no subset 'train'; it has: test, train"),
        ({}, {"train": {"instances": {}}}, "dataset.train: subset 'train' of x.json is empty"),
        ({}, {"test": {"instances": {}}}, "dataset.test: subset 'test' of x.json is empty"),
        ({}, {"train": {"instances": [1]}}, "dataset.train: subset 'train' of x.json is not HintEval JSON"),
        ({}, {"train": {"instances": {"a": 1}}}, "dataset.train: subset 'train' of x.json is not HintEval JSON"),
        ({}, {"train": {}}, "dataset.train: subset 'train' of x.json is not HintEval JSON"),
    ],
)
def test_a_subset_that_is_missing_odd_or_empty_is_refused(
    choose: Chooser, given: dict[str, str], data: dict[str, Any], sentence: str
) -> None:
    document = {"subsets": {**subsets([instance()]), **data}}
    assert choose.fault(document, **given).startswith(sentence)


def test_rows_that_cannot_be_trained_on_are_left_out_and_counted(choose: Chooser) -> None:
    odd = [
        instance(question=" "),
        instance(answers=()),
        instance(answers=("",)),
        instance(hints=()),
        instance(hints=(" ", "\u0007")),
        instance(answers=None),
        instance(hints=("<|eot_id|>",)),
        instance(question="[INST] x"),
        instance(answers=("</s>",)),
    ]
    chosen = choose(subsets_file([*odd, instance()], [instance("another", ("B",))]))
    assert chosen.counts == {
        "train_rows": 1, "test_questions": 1, "dropped_no_question": 1, "dropped_no_answer": 3, "dropped_no_hints": 2,
        "dropped_template_tokens": 3,
    }  # fmt: skip


def test_nothing_left_to_train_on_or_to_ask_for_is_refused(choose: Chooser) -> None:
    assert choose.fault(subsets_file([instance(hints=())])) == (
        "dataset.train: no row of subset 'train' of x.json has an answer and hints"
    )
    assert choose.fault(subsets_file([instance()], [instance(answers=())])) == (
        "dataset.test: no row of subset 'test' of x.json has a question and an answer"
    )


def test_the_limit_counts_questions_that_can_be_asked_and_keeps_the_files_order(choose: Chooser) -> None:
    test = [instance(answers=()), instance("first"), instance("second", hints=()), instance("third")]
    document = subsets_file([instance()], test)
    assert asked(choose(document, test_limit=2)) == ["q1", "q2"]
    assert len(asked(choose(document, test_limit=99))) == 3


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"question": "Q"},
        instance(question=None),
        instance(question=["Q"]),
        instance(answers="text"),
        instance(answers=3),
        instance(answers=[{"text": "x"}]),
        instance(answers=(5,)),
        instance(hints={"hint": "x"}),
        instance(hints=(None,)),
    ],
)
def test_an_instance_that_is_not_hintevals_is_refused_by_its_id(choose: Chooser, bad: dict[str, Any]) -> None:
    assert choose.fault(subsets_file([instance(), bad])).startswith(
        "dataset.source: instance 'q1' of x.json is not HintEval's: it needs"
    )
    with pytest.raises(InvalidSpec, match=r"dataset.source: instance 'q1' of x.json is not HintEval's: it needs"):
        list(rows(subsets([instance(), bad])["train"]["instances"].items(), "x.json"))


def test_text_becomes_one_line_without_control_characters() -> None:
    assert clean(" a\n\tb\x00c\x07 \u2028d\u00a0e ") == "a bc d e"
    assert clean("Beyonc\u00e9 \U0001f600") == "Beyonc\u00e9 \U0001f600"


def test_the_first_answer_is_the_answer() -> None:
    (row,) = rows([("q", instance(answers=("one", "two")))], "x")
    assert row.answer == "one"


@pytest.mark.parametrize(
    ("source", "name"),
    [("WikiHint", True), ("hints.json", False), ("a/b", False), ("s3://b/x", False), ("a" * 2000, False), ("", False)],
)
def test_a_data_sets_name_is_told_from_a_path(source: str, name: bool) -> None:
    assert is_name(source) is name


def test_a_file_of_that_name_comes_before_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "WikiHint").write_text(json.dumps({}))
    assert not is_name("WikiHint")
    assert is_url("s3://bucket/x.json")
    assert not is_url("C:/x.json")
