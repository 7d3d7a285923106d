"""The job spec: what is allowed, and sentences that say where and what when it is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import InvalidSpec
from common.spec import ADDED, JobSpec
from tests.jobs_made import document, spec

GOLDEN = Path(__file__).parent / "golden" / "spec-v1.json"
TOP = "allowed here: dataset, deploy, evaluate, finetune, fresh, generate, limits, name, priority, version"


def fault(data: object) -> str:
    with pytest.raises(InvalidSpec) as caught:
        JobSpec.parse(data)
    return caught.value.message


@pytest.mark.parametrize(
    ("part", "key", "value", "sentence"),
    [
        ("dataset", "source", "", "should have at least 1 character, not ''"),
        ("dataset", "source", "a\nb", "has control characters; only printable text is allowed"),
        ("dataset", "source", 7, "should be a valid string, not 7"),
        ("dataset", "train", "t" * 501, "should have at most 500 characters, not 'tttttttttttttttt"),
        ("dataset", "test_limit", 0, "should be greater than or equal to 1, not 0"),
        ("dataset", "test_limit", 2**31, "should be less than 2147483648, not 2147483648"),
        ("dataset", "seed", -1, "should be greater than or equal to 0, not -1"),
        ("dataset", "seed", 10**41, "should be less than 9223372036854775808, not a number of more than 40 digits"),
        ("finetune", "model", None, "should be a valid string, not None"),
        ("finetune", "format", "llama2", "should be 'messages' or 'llama3', not 'llama2'"),
        ("finetune", "n_epochs", True, "should be a valid integer, not True"),
        ("finetune", "n_epochs", "3", "should be a valid integer, not '3'"),
        ("finetune", "n_epochs", 3.0, "should be a valid integer, not 3.0"),
        ("finetune", "n_epochs", 101, "should be less than or equal to 100, not 101"),
        ("finetune", "batch_size", 0, "should be greater than or equal to 1 or 'max', not 0"),
        ("finetune", "batch_size", "min", "should be a valid integer or 'max', not 'min'"),
        ("finetune", "batch_size", True, "should be a valid integer or 'max', not True"),
        ("finetune", "learning_rate", 0, "should be greater than 0, not 0"),
        ("finetune", "learning_rate", "1e-5", "should be a valid number, not '1e-5'"),
        ("finetune", "learning_rate", float("nan"), "should be a finite number, not nan"),
        ("finetune", "max_grad_norm", float("inf"), "should be a finite number, not inf"),
        ("finetune", "weight_decay", -0.1, "should be greater than or equal to 0, not -0.1"),
        ("finetune", "train_on_inputs", "yes", "should be a valid boolean or 'auto', not 'yes'"),
        ("finetune", "suffix", "", "is 0 characters, ''; allowed are 1 to 31 of a-z 0-9 and - (not at an end)"),
        ("finetune", "suffix", "a" * 32, f"is 32 characters, '{'a' * 32}'; allowed are 1 to 31"),
        ("finetune", "suffix", "Big_One", "is 7 characters, 'Big_One'; allowed are 1 to 31 of a-z 0-9 and -"),
        ("finetune", "suffix", "ends-", "is 5 characters, 'ends-'; allowed are 1 to 31"),
        ("finetune", "suffix", "line\n", r"is 5 characters, 'line\n'; allowed are 1 to 31"),
        ("finetune", "lora_r", 0, "should be greater than or equal to 1, not 0"),
        ("finetune", "lora_dropout", 1, "should be less than 1, not 1"),
        ("finetune", "learning_rat", 1, "unknown key (did you mean learning_rate?); allowed here: batch_size, format"),
        ("deploy", "mode", "magic", "should be 'manual'"),
        ("generate", "num_of_hints", 51, "should be less than or equal to 50, not 51"),
        ("generate", "temperature", 2.1, "should be less than or equal to 2, not 2.1"),
        ("generate", "top_p", 0, "should be greater than 0, not 0"),
        ("generate", "max_tokens", 0, "should be greater than or equal to 1, not 0"),
        ("evaluate", "metrics", "rouge1", "should be a valid list, not 'rouge1'"),
        ("limits", "deadline", 24, "should be a valid string, not 24"),
        ("limits", "deadline", "24", "a duration is a number with s, m, h or d, as in 90s, 24h or 1h30m, not '24'"),
        ("limits", "deadline", "0s", "must be longer than 0 and at most 366d, not '0s'"),
        ("limits", "deadline", "367d", "must be longer than 0 and at most 366d, not '367d'"),
        ("limits", "deadline", "9" * 99 + "s", "should have at most 50 characters"),
        ("limits", "max_attempts", 0, "should be greater than or equal to 1, not 0"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_by_its_path_with_what_is(
    part: str, key: str, value: object, sentence: str
) -> None:
    assert fault(document(**{part: {key: value}})).startswith(f"{part}.{key}: {sentence}")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": 2}, "version: this hintrelay reads specs of version 1, not 2: upgrade it"),
        ({"version": True}, "version: should be 1, not True"),
        ({"version": "1"}, "version: should be 1, not '1'"),
        ({"name": "x" * 201}, "name: should have at most 200 characters"),
        ({"name": "{finetune.lr}"}, "name: {finetune.lr} names no key of the spec"),
        ({"name": "{name.x}"}, "name: {name.x} names no key of the spec"),
        ({"dataset": None}, "dataset: should be a mapping of keys to values, not None"),
        ({"generate": [1]}, "generate: should be a mapping of keys to values, not [1]"),
        ({"evaluate": {"metrics": ["rouge1", "bleu"]}}, "evaluate.metrics[1]: should be 'rouge1', 'rouge2', 'rougeL'"),
        ({"finetune": {"lora": False, "lora_r": 8}}, "finetune: lora_r goes with lora: true, but lora is false"),
        ({"datasets": {}}, f"datasets: unknown key (did you mean dataset?); {TOP}"),
        ({"a\nb": 1}, rf"'a\nb': unknown key; {TOP}"),
        ({"x[0]": 1}, f"x[0]: unknown key; {TOP}"),
        ({"str": 1}, f"str: unknown key; {TOP}"),
        ({"matrix": {}}, f"matrix: unknown key; {TOP}"),
        ({"seed": 1, "finetune": {"n_epochs": 0}}, f"seed: unknown key; {TOP} (and 1 more fault)"),
    ],
)
def test_a_spec_that_is_not_allowed_gets_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert fault(document(**changes)).startswith(sentence)


def test_what_is_missing_is_named_with_the_number_of_the_other_faults() -> None:
    assert fault({}) == "version: is missing (and 2 more faults)"
    assert fault({"version": 1, "dataset": {"source": "x"}, "finetune": {}}) == "finetune.model: is missing"


@pytest.mark.parametrize("key", [1, None, (1,), 2.5, True])
def test_a_key_that_is_no_text_is_refused(key: object) -> None:
    odd: dict[object, object] = {key: 1}
    assert "Keys should be strings" in fault(odd | {**document()})
    assert fault(document(finetune=odd)).startswith("finetune.")


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_a_spec_is_a_mapping(data: object) -> None:
    assert fault(data).startswith("a spec is a mapping of keys to values, not ")


def test_a_sentence_stays_short_however_big_the_refused_value_is() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for value in (deep, ["x" * 10**6] * 100, {"k" * 10**5: deep}, "\ud800" * 1000, 16**5000):
        assert len(fault(document(name=value))) < 300


def test_whole_numbers_do_where_fractions_may_stand() -> None:
    assert spec(finetune={"lora_alpha": 8}).finetune.lora_alpha == 8.0


@pytest.mark.parametrize("suffix", ["a", "0", "a-b", "a" * 31])
def test_suffixes_of_1_to_31_characters_are_allowed(suffix: str) -> None:
    assert spec(finetune={"suffix": suffix}).finetune.suffix == suffix


def test_the_adapters_settings_are_those_that_were_given() -> None:
    assert spec(finetune={"lora_r": 8, "lora_alpha": 16}).finetune.adapter == {"lora_r": 8, "lora_alpha": 16.0}
    assert spec(finetune={"lora": False}).finetune.adapter == {}


def test_a_name_is_filled_from_the_spec() -> None:
    name = "w-{finetune.learning_rate}-{dataset.train}-{finetune.lora}{name}"
    assert spec(name=name).name == "w-1e-05-train-None"


@pytest.mark.parametrize(
    ("source", "name"), [("../data/wiki-100.json", "wiki-100"), ("WikiHint", "WikiHint"), ("a/{b}.json", "{b}")]
)
def test_a_spec_without_a_name_has_its_data_sets(source: str, name: str) -> None:
    assert spec(dataset={"source": source}).name == name


def test_a_spec_of_the_first_release_can_be_read_for_ever() -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))
    shown = JobSpec.parse(golden).dump()
    for *parts, last in ADDED:
        part = shown
        for name in parts:
            part = part[name]
        del part[last]  # a default, which the digest leaves out: the next test
    assert shown == golden
    assert set(golden["finetune"]) == set(type(JobSpec.parse(golden).finetune).model_fields)


def test_a_key_that_came_later_counts_for_the_digest_once_it_is_used() -> None:
    plain, same = spec(), spec(evaluate={"judge": None, "unavailable": "report"})
    assert plain.digest() == same.digest() != spec(evaluate={"judge": {"model": "judge"}}).digest()


def test_the_digest_of_the_golden_spec_never_changes() -> None:
    parsed = JobSpec.parse(json.loads(GOLDEN.read_text("utf-8")))
    assert parsed.digest() == "214bfdb6a0e0bcfe67b4c40953711007"
    assert parsed.digest("ab" * 32) == "099378c841adf96ab7365c7a97f50f15"


def test_what_came_later_counts_in_a_digest_where_it_is_given() -> None:
    assert spec(fresh=True).digest() != spec().digest() == spec(fresh=False).digest()
    assert spec(limits={"max_cost_usd": 3}).digest() != spec(limits={"max_cost_usd": None}).digest()


def test_equal_specs_have_one_digest_however_they_were_written() -> None:
    short = JobSpec.parse(document(finetune={"learning_rate": 1e-5, "lora_alpha": 8}))
    long = JobSpec.parse({**short.dump(), "finetune": {**short.dump()["finetune"], "lora_alpha": 8.0}})
    assert short.digest() == long.digest()
    assert short.digest() != spec(finetune={"n_epochs": 2, "lora_alpha": 8}).digest()


def test_the_bytes_of_the_data_count_and_not_where_they_lie() -> None:
    here, there = (spec(name="n", dataset={"source": f"{folder}/x.json"}) for folder in "ab")
    assert here.digest() != there.digest()
    assert here.digest("ab" * 32) == there.digest("ab" * 32) != here.digest("cd" * 32)
