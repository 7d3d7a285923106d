"""export and submit --from: a batch leaves as a folder, and comes back as the same jobs."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from common.states import ROAD, JobState
from common.store import Store
from producer.cli.context import Tools
from tests.unit.producer.conftest import Run, error_of, loaded
from tests.unit.producer.test_cli_compare import results, score


@pytest.fixture
def exported(run: Run, tools: Tools, job_store: Store, spec_file: Path, tmp_path: Path) -> Path:
    """A batch of two jobs, one of which has its results, as a folder."""
    jobs = loaded(run("submit", str(spec_file), "--set", "dataset.seed=7", "--batch", "b", "-o", "json"))
    facts: dict[str, Any] = {
        "training": tools.artifacts.put(b'{"messages": []}\n').dump(),
        "results": results(tools, "a hint"),
        "scores": {"rouge1": score(0.5)},
    }
    for origin, target in pairwise(ROAD):
        assert job_store.move(jobs[0]["job"], origin, target, facts if target is JobState.SUCCEEDED else {})
    folder = tmp_path / "exported"
    result = run("export", "b", str(folder))
    assert result.exit_code == 0, result.stderr
    assert "1 of 2 jobs have not succeeded" in result.stderr
    return folder


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def test_all_that_is_needed_to_check_it_is_in_it_and_listed_with_its_hash(exported: Path) -> None:
    told = manifest(exported)
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert files - {"manifest.json"} == set(told["files"])
    for path, pointer in told["files"].items():
        assert hashlib.sha256((exported / path).read_bytes()).hexdigest() == pointer["sha256"], path
    first, second = told["jobs"]
    assert {first["spec"], first["results"], "events.jsonl", "prompts.json", "compare.csv", "jobs.json"} <= files
    assert (first["state"], second["state"], second["results"]) == ("succeeded", "accepted", None)
    assert first["seeds"]["dataset.seed"] == 7
    assert set(first["hashes"]) == {"data", "training", "results"}
    assert told["made_by"]["python"]
    assert told["missing"] == []


def test_jobs_that_share_data_share_its_copy(exported: Path) -> None:
    assert len(list((exported / "data").iterdir())) == 1
    events = [json.loads(line) for line in (exported / "events.jsonl").read_text().splitlines()]
    assert {event["job"] for event in events} == {job["job"] for job in manifest(exported)["jobs"]}


def test_submit_from_it_makes_the_same_jobs_with_the_data_that_is_in_it(
    exported: Path, run: Run, job_store: Store, data: Path
) -> None:
    before = [job_store.get(job["job"]) for job in manifest(exported)["jobs"]]
    data.unlink()
    again = loaded(run("submit", "--from", str(exported), "--batch", "again", "-o", "json"))
    assert len(again) == 2
    for old, new in zip(before, again, strict=True):
        fresh = job_store.get(new["job"])
        assert fresh.id != old.id
        assert fresh.pointer("data") == old.pointer("data")
        assert old.spec_json is not None
        assert new["spec"] == old.spec_json


def test_the_data_in_it_counts_where_the_original_was_changed(
    exported: Path, run: Run, job_store: Store, data: Path
) -> None:
    old = job_store.get(manifest(exported)["jobs"][0]["job"])
    data.write_text("{}")
    again = loaded(run("submit", "--from", str(exported), "-o", "json"))
    assert job_store.get(again[0]["job"]).pointer("data") == old.pointer("data")
    assert again[0]["spec"] == old.spec_json


def test_two_data_sets_of_one_name_are_told_apart(
    run: Run, job_store: Store, spec_file: Path, data: Path, tmp_path: Path
) -> None:
    for suffix in ("one", "two"):
        run("submit", str(spec_file), "--set", f"finetune.suffix={suffix}", "--batch", "b")
        data.write_text(data.read_text() + " ")
    run("export", "b", str(tmp_path / "out"))
    before = [job_store.get(job["job"]) for job in manifest(tmp_path / "out")["jobs"]]
    again = loaded(run("submit", "--from", str(tmp_path / "out"), "--batch", "c", "-o", "json"))
    assert [job_store.get(one["job"]).pointer("data") for one in again] == [old.pointer("data") for old in before]


def test_another_data_set_may_be_given_by_set(exported: Path, run: Run, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(data.read_text() + " ")
    again = loaded(run("submit", "--from", str(exported), "--set", f"dataset.source={other}", "-o", "json"))
    assert {one["spec"]["dataset"]["source"] for one in again} == {str(other)}


def test_plan_takes_it_too(exported: Path, run: Run) -> None:
    assert run("plan", "--from", str(exported)).exit_code == 0


@pytest.mark.parametrize("which", ["specs", "data"])
def test_a_file_that_was_changed_is_refused_as_no_repetition(exported: Path, run: Run, which: str) -> None:
    file = next((exported / which).iterdir())
    file.write_bytes(file.read_bytes() + b" ")
    result = run("submit", "--from", str(exported), "-o", "json")
    assert result.exit_code == 4
    assert "is not as it was exported" in error_of(result)["message"]


def test_a_folder_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    result = run("submit", "--from", str(tmp_path), "-o", "json")
    assert result.exit_code == 4
    assert "is no export" in error_of(result)["message"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '"x"',
        '{"export": 1, "jobs": [], "files": {}}',
        '{"export": 1, "jobs": [{"spec": 3}], "files": {}}',
        '{"export": 1, "jobs": [{"spec": "a"}], "files": []}',
        '{"export": 1, "jobs": [3], "files": {}}',
        '{"export": 9, "jobs": [{"spec": "a"}], "files": {}}',
    ],
)
def test_a_damaged_manifest_is_refused_in_one_sentence(exported: Path, run: Run, text: str) -> None:
    (exported / "manifest.json").write_text(text)
    result = run("submit", "--from", str(exported), "-o", "json")
    assert result.exit_code == 4
    assert "\n" not in error_of(result)["message"]


def test_a_manifest_that_leads_elsewhere_is_refused(exported: Path, run: Run) -> None:
    told = manifest(exported)
    told["jobs"][0]["spec"] = "../outside.yaml"
    (exported / "manifest.json").write_text(json.dumps(told))
    result = run("submit", "--from", str(exported), "-o", "json")
    assert "lies outside of the export" in error_of(result)["message"]


def test_a_folder_with_other_files_is_left_alone(run: Run, exported: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    assert run("export", "b", str(other)).exit_code == 2
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]
    assert run("export", "b", str(exported)).exit_code == 0


def test_what_is_lost_is_listed_as_missing_and_the_rest_is_written(
    run: Run, tools: Tools, job_store: Store, exported: Path, tmp_path: Path
) -> None:
    pointer = job_store.get(manifest(exported)["jobs"][0]["job"]).pointer("results")
    assert pointer is not None
    Path(tools.artifacts.locate(pointer)).unlink()
    folder = tmp_path / "second"
    result = run("export", "b", str(folder))
    assert result.exit_code == 0
    assert "missing: results of" in result.stderr
    told = manifest(folder)
    assert len(told["missing"]) == 1
    assert told["jobs"][0]["results"] is None


def test_submit_without_anything_says_what_it_takes(run: Run) -> None:
    result = run("submit")
    assert result.exit_code == 2
    assert "SPEC" in result.stderr
