"""Spec files: YAML and JSON as people write them, and as nobody should."""

from pathlib import Path
from typing import Any

import pytest

from common.errors import InvalidSpec
from common.spec import MAX_SPEC_BYTES, JobSpec
from common.spec_files import assignment, loads, read

BOMB = "a: &a [x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
GOOD = "version: 1\ndataset: {source: x.json}\nfinetune: {model: m, learning_rate: 1e-5}\n"


def fault(text: str, *, as_json: bool = False) -> str:
    with pytest.raises(InvalidSpec) as caught:
        loads(text, "job.yaml", as_json=as_json)
    return caught.value.message


def written(folder: Path, name: str, raw: bytes) -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-5", 1e-5), ("-1E+5", -1e5), ("1.5e3", 1500.0), ("2e0", 2.0), ("0.1", 0.1), ("3", 3), ("e5", "e5")],
)
def test_numbers_with_an_exponent_are_numbers(text: str, value: object) -> None:
    assert loads(f"x: {text}", "f") == {"x": value}


def test_a_byte_order_mark_is_no_part_of_the_spec(tmp_path: Path) -> None:
    for name in ("job.yaml", "job.json"):
        assert read(written(tmp_path, name, b"\xef\xbb\xbf" + b'{"version": 1}')) == {"version": 1}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"name: caf\xe9\n", "is not UTF-8 text (byte 9); a spec is YAML or JSON"),
        (b"\xff\xfev\x00", "is not UTF-8 text (byte 0); a spec is YAML or JSON"),
        (b"#" * (MAX_SPEC_BYTES + 1), "is longer than 256 KiB; a spec is a page of settings"),
    ],
)
def test_a_file_that_is_no_spec_is_refused_with_its_name(tmp_path: Path, raw: bytes, sentence: str) -> None:
    path = written(tmp_path, "job.yaml", raw)
    with pytest.raises(InvalidSpec) as caught:
        read(path)
    assert caught.value.message == f"{path}: {sentence}"


def test_a_file_of_just_the_longest_length_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, "job.yaml", b"#" * MAX_SPEC_BYTES)) is None


@pytest.mark.parametrize("name", ["missing.yaml", "", "zero\0byte.yaml"])
def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSpec, match="give the path of a YAML or JSON spec"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\na: 2", "is not YAML (line 2, column 1): key 'a' is given twice"),
        ("a: {b: 1, b: 1}", "is not YAML (line 1, column 11): key 'b' is given twice"),
        ("a: [", "is not YAML (line 1, column 5): expected the node content"),
        ("---\na\n---\nb", "is not YAML (line 3, column 1): but found another document"),
        ("!!python/object:os.system {}", "is not YAML (line 1, column 1): could not determine a constructor"),
        ("? [a]\n: b", "is not YAML (line 1, column 3): found unhashable key"),
        ("a: \x00", "is not YAML: cannot be read"),
        ("a: 2024-99-99", "is not YAML: a value cannot be read: month must be in 1..12"),
        ("!!bool x", "is not YAML: a value cannot be read: 'x'"),
        ("!!timestamp x", "is not YAML: a value cannot be read"),
        ("!!int ''", "is not YAML: a value cannot be read"),
        ("9" * 5000, "is not YAML: a value cannot be read: Exceeds the limit"),
        ("<<: {a: 1}", "is not YAML (line 1, column 1)"),
        ("[" * 900, "is nested too deeply; a spec has two levels"),
        ("a: &a [*a]", "is not YAML (line 1, column 8): aliases (*name) are refused; write the value out"),
        (BOMB, "is not YAML (line 2, column 8): aliases (*name) are refused; write the value out"),
    ],
)
def test_text_that_is_no_yaml_gets_one_sentence(text: str, sentence: str) -> None:
    assert fault(text).startswith(f"job.yaml: {sentence}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON: Expecting property name"),
        ("", "is not JSON: Expecting value"),
        ('{"a": 1, "a": 2}', "is not JSON: key 'a' is given twice"),
        ("9" * 5000, "is not JSON: Exceeds the limit"),
        ("[" * 5000, "is nested too deeply; a spec has two levels"),
    ],
)
def test_text_that_is_no_json_gets_one_sentence(text: str, sentence: str) -> None:
    assert fault(text, as_json=True).startswith(f"job.yaml: {sentence}")


def test_one_job_is_read_from_a_file_and_several_are_not(tmp_path: Path) -> None:
    one = written(tmp_path, "one.yaml", GOOD.encode())
    two = written(tmp_path, "two.yaml", f"{GOOD}matrix: {{finetune.n_epochs: [1, 2]}}\n".encode())
    assert JobSpec.from_file(one).finetune.learning_rate == 1e-5
    assert [spec.finetune.n_epochs for spec in JobSpec.from_file_all(two)] == [1, 2]
    with pytest.raises(InvalidSpec, match="its matrix makes 2 jobs"):
        JobSpec.from_file(two)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("finetune.n_epochs=2", ("finetune.n_epochs", 2)),
        (" a.b =1e-5", ("a.b", 1e-5)),
        ("name=a=b", ("name", "a=b")),
        ("dataset.test_limit=null", ("dataset.test_limit", None)),
        ("evaluate.metrics=[rouge1]", ("evaluate.metrics", ["rouge1"])),
        ("name=", ("name", None)),
    ],
)
def test_a_set_option_is_a_key_and_a_value_as_in_the_file(text: str, pair: tuple[str, Any]) -> None:
    assert assignment(text) == pair


@pytest.mark.parametrize("text", ["n_epochs", "=3", " =3", "a=["])
def test_a_set_option_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidSpec, match="--set"):
        assignment(text)
