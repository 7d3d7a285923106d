"""From data set to scored hints with the real parts: Celery, Valkey, the Together SDK, HintEval; a platform by HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.keys import PREFIX
from tests.e2e.stack import KEY, SAMPLE, Stack, clean_environ, eventually
from tests.e2e.standin import StandIn

pytestmark = [pytest.mark.xdist_group("end-to-end"), pytest.mark.timeout(240)]


def spec_file(folder: Path, name: str, **more: Any) -> str:
    document = {
        "version": 1,
        "fresh": True,  # the stand-in plans the end of each run
        "name": name,
        "dataset": {"source": str(SAMPLE), "test_limit": 5},
        "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "e2e", "batch_size": 16},
        "generate": {"num_of_hints": 2},
        **more,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_three_jobs_go_from_data_set_to_scored_hints(stack: Stack, stand_in: StandIn, tmp_path: Path) -> None:
    runs_before = len(stand_in.runs)
    spec = spec_file(tmp_path, "sweep", matrix={"finetune.learning_rate": [1e-5, 3e-5, 5e-5]})
    jobs = [job["job"] for job in stack.json("submit", spec)]
    for number, job in enumerate(jobs):  # one name early, the others when the model is there
        stand_in.names.add(f"acme/{job}")
        if number:
            stack.until(job, {"trained"})
        assert stack.cli("deploy", job, f"acme/{job}").returncode == 0
    done = stack.cli("wait", *jobs, "--timeout", "60s")
    assert done.returncode == 0, done.stdout + done.stderr + stack.tail()
    assert len(stand_in.runs) - runs_before == 3
    assert not [request for request in stand_in.requests if request[0] == "DELETE"]
    assert len(stand_in.files) == 1  # equal bytes are one file
    for job in jobs:
        out = tmp_path / f"{job}.json"
        assert stack.cli("results", job, "--output", str(out)).returncode == 0
        instances = json.loads(out.read_text())["subsets"]["test"]["instances"]
        assert [len(one["hints"]) for one in instances.values()] == [2] * 5
        assert set(instances) == {f"test_{n:02d}" for n in range(1, 6)}
        hint = instances["test_01"]["hints"][1]
        assert hint["hint"] == "It was in the news in 1969."
        assert {"relevance-rouge1", "relevance-rougeL"} <= set(hint["metrics"])
        assert instances["test_01"]["metadata"]["hintrelay"] == {"asked": 2, "received": 3}


def test_the_results_are_read_back_by_hinteval(stack: Stack, tmp_path: Path) -> None:
    job = next(job["job"] for job in stack.json("ls") if job["state"] == "succeeded")
    out = tmp_path / "results.json"
    assert stack.cli("results", job, "--output", str(out)).returncode == 0
    code = (
        "import sys; from hinteval import Dataset; d = Dataset.load_json(sys.argv[1]);"
        "i = d['test'].get_instance('test_01'); print(len(i.hints), i.hints[0].metrics['relevance-rouge1'].value >= 0)"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, str(out)], capture_output=True, text=True, timeout=90, check=False
    )
    assert read.stdout.split() == ["2", "True"], read.stderr


def test_a_run_that_ends_in_error_fails_the_job_and_retry_takes_it_up_again(
    stack: Stack, stand_in: StandIn, tmp_path: Path
) -> None:
    stand_in.plan[len(stand_in.runs)] = "error"
    job = stack.json("submit", spec_file(tmp_path, "unlucky"))[0]["job"]
    stack.until(job, {"failed"})
    shown = stack.json("show", job)
    assert "loss became NaN at step 7" in shown["error"]["message"]
    assert stack.cli("wait", job, "--timeout", "5s").returncode == 100
    assert stack.cli("retry", job).returncode == 0
    stand_in.names.add("acme/second-try")
    assert stack.cli("deploy", job, "acme/second-try").returncode == 0
    stack.until(job, {"succeeded"})
    marked = [run for run in stand_in.runs.values() if run["suffix"].endswith(job)]
    assert len(marked) == 2


def test_cancel_of_a_stuck_run_reaches_the_platform(stack: Stack, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.plan[len(stand_in.runs)] = "stuck"
    job = stack.json("submit", spec_file(tmp_path, "stuck"))[0]["job"]
    stack.until(job, {"training"})
    assert stack.cli("cancel", job).returncode == 0
    ended = stack.until(job, {"cancelled"})
    assert stand_in.runs[ended.run_id or ""]["cancelled"]
    assert stack.cli("wait", job, "--timeout", "5s").returncode == 103


def test_a_name_that_does_not_answer_waits_with_the_platforms_words_and_can_be_mended(
    stack: Stack, stand_in: StandIn, tmp_path: Path
) -> None:
    job = stack.json("submit", spec_file(tmp_path, "misnamed"))[0]["job"]
    assert stack.cli("deploy", job, "acme/mistyped").returncode == 0
    eventually(lambda: "Unable to access model" in (stack.json("show", job)["waiting"] or ""), "it was asked")
    assert stack.json("show", job)["state"] == "trained"
    assert job in {one["job"] for one in stack.json("pending")}
    assert stack.cli("wait", job, "--timeout", "5s").returncode in {101, 104}
    stand_in.names.add("acme/right")
    assert stack.cli("deploy", job, "acme/right").returncode == 0
    stack.until(job, {"succeeded"})


def test_a_program_that_has_only_celery_submits_and_deploys_by_message(
    stack: Stack, stand_in: StandIn, tmp_path: Path
) -> None:
    spec = json.loads(Path(spec_file(tmp_path, "by-message")).read_text())
    client = tmp_path / "client.py"
    client.write_text(
        "import json, sys\nfrom celery import Celery\n"
        "app = Celery(broker=sys.argv[1])\n"
        "app.send_task(sys.argv[2], kwargs=json.loads(sys.argv[3]), queue='hintrelay.inbox')\n"
    )

    def send(task: str, **kwargs: Any) -> None:
        command = [sys.executable, "-I", str(client), stack.redis_url, task, json.dumps(kwargs)]
        subprocess.run(command, check=True, timeout=30, env=clean_environ(), cwd=tmp_path)

    for _ in range(2):  # twice under one key: one job
        send("hintrelay.submit", spec=spec, key="night-1")
    producer = stack.producer()
    eventually(lambda: any(job.name == "by-message" for job in producer.list()), "the job is stored", 20)
    job = next(job.id for job in producer.list() if job.name == "by-message")
    stand_in.names.add("acme/by-message")
    send("hintrelay.register_deployment", job=job, name="acme/by-message")
    stack.until(job, {"succeeded"})
    assert len([one for one in producer.list() if one.name == "by-message"]) == 1


def test_garbage_on_the_inbox_is_filed_and_the_next_good_message_is_done(stack: Stack, tmp_path: Path) -> None:
    producer = stack.producer()
    for garbage in ("not json", "{}", '{"body": 1, "headers": {"task": "x"}}', "\x80\x04pickle"):
        producer.store.client.lpush("hintrelay.inbox", garbage)
    job = stack.json("submit", spec_file(tmp_path, "to-cancel", finetune={"model": "m"}))[0]["job"]
    stack.until(job, {"training", "trained", "failed"})
    code = (
        "import sys; from celery import Celery; Celery(broker=sys.argv[1]).send_task("
        "'hintrelay.cancel', kwargs={'job': sys.argv[2]}, queue='hintrelay.inbox')"
    )
    subprocess.run([sys.executable, "-c", code, stack.redis_url, job], check=True, timeout=30)
    stack.until(job, {"cancelled"})
    letters = stack.json("dead", "ls")
    assert len(letters) == 4
    assert all(letter["reason"] for letter in letters)


def test_the_key_stands_in_no_log_file_artifact_or_redis_value(stack: Stack) -> None:
    client = stack.producer().store.client
    values: list[object] = []
    for name in client.scan_iter(PREFIX + "*"):
        kind = client.type(name)
        read = {"hash": client.hgetall, "string": client.get, "stream": client.xrange, "set": client.smembers}.get(kind)
        values.append(
            read(name) if read else client.zrange(name, 0, -1) if kind == "zset" else client.lrange(name, 0, -1)
        )
    assert KEY not in repr(values)
    for path in stack.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_logs_are_json_lines_with_job_stage_and_attempt(stack: Stack) -> None:
    lines = (stack.folder / "serve.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(entries) >= 0.9 * len([line for line in lines if line.strip()])
    done = [entry for entry in entries if entry["event"] == "stage_done"]
    assert {entry["stage"] for entry in done} == {"prepare", "upload", "finetune", "deploy", "generate", "evaluate"}
    assert all({"job", "attempt", "level", "timestamp"} <= set(entry) for entry in done)
