"""submit and plan: specs into jobs, or into one sentence that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from common.errors import Exit
from common.selection import Selection, select
from common.spec import DatasetSpec
from common.store import Store
from producer.cli.context import Tools
from tests.jobs_made import RecordingNudger
from tests.unit.producer.conftest import Run, error_of, loaded


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return name


def test_submit_stores_each_job_and_starts_it(
    run: Run, spec_file: Path, job_store: Store, nudger: RecordingNudger
) -> None:
    jobs = loaded(run("submit", str(spec_file), "-o", "json"))
    assert [job["name"] for job in jobs] == ["sweep-1e-05", "sweep-5e-05"]
    assert all(job["created"] and job["state"] == "accepted" for job in jobs)
    assert jobs[0]["spec"]["finetune"]["learning_rate"] == 1e-5
    assert [job["job"] for job in jobs] == job_store.ids()
    assert [job_id for job_id, _ in nudger.sent] == job_store.ids()


def stop(*_: object) -> None:
    """Ctrl-C, just there."""
    raise KeyboardInterrupt


def test_a_submit_that_is_stopped_says_what_is_stored_by_then(
    run: Run, spec_file: Path, job_store: Store, nudger: RecordingNudger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudger, "send_many", stop)
    result = run("submit", str(spec_file))
    assert result.exit_code == Exit.INTERRUPTED
    (batch,) = job_store.batches()
    assert f"batch {batch.name} has 2 jobs by now, of the 2 that were wanted, and they go on" in result.stderr
    assert f"hintrelay cancel --batch {batch.name}" in result.stderr


def test_a_submit_that_is_stopped_before_anything_was_stored_says_so(
    run: Run, spec_file: Path, job_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_store, "create", stop)
    result = run("submit", str(spec_file))
    assert result.exit_code == Exit.INTERRUPTED
    assert "none of the jobs was stored" in result.stderr
    assert job_store.ids() == []


def test_a_key_makes_each_job_once(run: Run, spec_file: Path, job_store: Store) -> None:
    first = loaded(run("submit", str(spec_file), "--key", "night", "-o", "json"))
    again = loaded(run("submit", str(spec_file), "--key", "night", "-o", "json"))
    assert [job["job"] for job in again] == [job["job"] for job in first]
    assert not any(job["created"] for job in again)
    assert len(job_store.ids()) == 2


def test_the_table_says_new_or_known(run: Run, spec_file: Path) -> None:
    assert "new" in run("submit", str(spec_file), "--key", "night").stdout
    assert "known" in run("submit", str(spec_file), "--key", "night").stdout


def test_jsonl_is_one_job_a_line(run: Run, spec_file: Path) -> None:
    lines = run("submit", str(spec_file), "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["accepted", "accepted"]


def test_set_changes_every_job_and_ends_an_axis(run: Run, spec_file: Path) -> None:
    result = run("submit", str(spec_file), "--set", "finetune.learning_rate=2e-5", "-o", "json")
    (job,) = loaded(result)
    assert job["spec"]["finetune"]["learning_rate"] == 2e-5
    assert "no longer varied" in result.stderr


def test_set_can_vary_a_key(run: Run, spec_file: Path) -> None:
    jobs = loaded(run("submit", str(spec_file), "--set", "matrix.finetune.n_epochs=[1, 2]", "-o", "json"))
    assert [job["spec"]["finetune"]["n_epochs"] for job in jobs] == [1, 2, 1, 2]


def test_a_spec_comes_from_stdin(run: Run, spec_file: Path, job_store: Store) -> None:
    assert run("submit", "-", stdin=spec_file.read_text()).exit_code == 0
    assert len(job_store.ids()) == 2


def test_data_are_found_beside_the_spec_file(run: Run, spec_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (tmp_path / "hints.json").rename(folder / "hints.json")
    spec_file.rename(folder / "sweep.yaml")
    assert run("submit", "specs/sweep.yaml").exit_code == 0


def test_data_in_the_current_folder_come_first(run: Run, spec_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "hints.json").write_text("not json")
    spec_file.rename(folder / "sweep.yaml")
    assert run("submit", "specs/sweep.yaml").exit_code == 0


def test_a_lost_nudge_is_told_and_no_failure(run: Run, spec_file: Path, nudger: RecordingNudger) -> None:
    nudger.down = True
    result = run("submit", str(spec_file))
    assert result.exit_code == 0
    assert "the tick will send them" in result.stderr


BAD = {
    "no such file": ("", "missing.yaml"),
    "unknown key": ("version: 1\ncolour: red\n", "colour"),
    "out of range": ("version: 1\ndataset: {source: hints.json}\nfinetune: {model: a, n_epochs: 0}\n", "n_epochs"),
    "no data": ("version: 1\ndataset: {source: gone.json}\nfinetune: {model: a}\n", "gone.json"),
    "empty subset": ("version: 1\ndataset: {source: hints.json, test: dev}\nfinetune: {model: a}\n", "dev"),
    "pickle": ("version: 1\ndataset: {source: x.pickle}\nfinetune: {model: a}\n", "x.pickle"),
    "no mapping": ("- 1\n", "mapping"),
    "no yaml": ("a: [", "YAML"),
}


@pytest.mark.parametrize("command", ["submit", "plan"])
@pytest.mark.parametrize("why", list(BAD))
def test_a_bad_spec_is_refused_and_nothing_is_stored(
    run: Run, data: Path, job_store: Store, tmp_path: Path, command: str, why: str
) -> None:
    text, named = BAD[why]
    (tmp_path / "x.pickle").write_bytes(b"\x80\x04")
    name = written(tmp_path, "bad.yaml", text) if text else "missing.yaml"
    result = run(command, name, "-o", "json")
    assert result.exit_code == 4, result.output
    assert named in error_of(result)["message"]
    assert job_store.ids() == []


def test_all_files_are_checked_before_any_is_stored(
    run: Run, spec_file: Path, job_store: Store, tmp_path: Path
) -> None:
    written(tmp_path, "bad.yaml", "version: 1\ncolour: red\n")
    result = run("submit", str(spec_file), "bad.yaml", "-o", "json")
    assert result.exit_code == 4
    assert error_of(result)["message"].startswith("bad.yaml: ")
    assert job_store.ids() == []


def test_a_spec_that_is_not_utf8_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    assert run("submit", "latin.yaml").exit_code == 4
    assert run("submit", "-", stdin=b"name: \xe9\n").exit_code == 4


@pytest.mark.parametrize("text", ["n_epochs", "=3", "a.b.c=1", "version.x=1"])
def test_a_bad_assignment_is_refused(run: Run, spec_file: Path, text: str) -> None:
    assert run("submit", str(spec_file), "--set", text).exit_code == 4


def test_plan_counts_and_stores_nothing(run: Run, spec_file: Path, tools: Tools) -> None:
    del tools.__dict__["broker"]
    jobs = loaded(run("plan", str(spec_file), "-o", "json"))
    assert [job["learning_rate"] for job in jobs] == [1e-5, 5e-5]
    assert (jobs[0]["train_rows"], jobs[0]["test_questions"], jobs[0]["dropped"]) == (2, 2, {"no_hints": 1})
    assert not tools.producer.store.client.keys("*")
    assert not tools.settings.home.exists()


def test_the_plans_table_says_what_is_left_out(run: Run, spec_file: Path) -> None:
    result = run("plan", str(spec_file))
    assert "1 rows of 'train' are not trained on: no hints" in result.stderr
    assert "sweep-5e-05" in result.stdout


def test_rows_that_the_worker_will_download_are_not_guessed(run: Run, tmp_path: Path) -> None:
    spec = {"version": 1, "dataset": {"source": "WikiHint"}, "finetune": {"model": "a"}}
    written(tmp_path, "named.yaml", yaml.safe_dump(spec))
    assert loaded(run("plan", "named.yaml", "-o", "json"))[0]["train_rows"] is None


def test_a_known_job_that_was_cancelled_is_told(run: Run, spec_file: Path) -> None:
    jobs = loaded(run("submit", str(spec_file), "--key", "night", "-o", "json"))
    run("cancel", jobs[0]["job"])
    result = run("submit", str(spec_file), "--key", "night")
    assert f"{jobs[0]['job']} is known and cancelled" in result.stderr
    assert "another --key" in result.stderr


def test_a_data_set_is_read_once_for_all_its_seeds(
    run: Run, spec_file: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path, wanted: DatasetSpec) -> Selection:
        read.append(path)
        return select(path, wanted)

    monkeypatch.setattr("common.selection.select", counted)
    document = yaml.safe_load(spec_file.read_text())
    document["matrix"] = {"dataset.seed": [1, 2, 3]}
    spec_file.write_text(yaml.safe_dump(document))
    jobs = loaded(run("submit", str(spec_file), "-o", "json"))
    assert [job["spec"]["dataset"]["seed"] for job in jobs] == [1, 2, 3]
    assert len(read) == 1
