"""What a sweep costs, told before, kept within its budget, and added up after: real processes against the sandbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.keys import Keys
from common.states import JobState, reached
from tests.e2e.stack import KEY, SAMPLE, Stack, eventually

pytestmark = [pytest.mark.xdist_group("money"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("money"), HINTRELAY_TICK_SECONDS="0.3")
    try:
        times = (
            "--train-seconds",
            "1",
            "--validate-seconds",
            "0.1",
            "--provision-seconds",
            "0.5",
            "--stop-seconds",
            "0.2",
        )
        stack.start_sandbox(*times)
        for name in ("worker", "worker-2"):
            stack.spawn(name, [sys.executable, "-m", "tests.e2e.chaos.worker", "platform,hints"])
        stack.start("beat")
        yield stack
    finally:
        stack.stop()


def spec_file(folder: Path, name: str, deploy: Any = None, **matrix: list[Any]) -> str:
    document = {
        "version": 1,
        "name": name + "-{finetune.random_seed}",
        "dataset": {"source": str(SAMPLE), "test_limit": 2},
        "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": name},
        "deploy": deploy or {},
        "generate": {"num_of_hints": 2, "batch_size": 2},
        "evaluate": {"metrics": ["rouge1"]},
        "matrix": {f"finetune.{key}": values for key, values in matrix.items()},
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return str(path)


def runs(stack: Stack, suffix: str) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{stack.sandbox_port}/v1/fine-tunes"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=10).raise_for_status()
    return [run for run in answer.json()["data"] if run["suffix"].startswith(suffix)]


def named(stack: Stack, jobs: list[dict[str, Any]]) -> None:
    producer = stack.producer()
    for job in jobs:
        producer.register_deployment(job["job"], f"acme/{job['job']}")


def test_a_plan_of_twelve_with_three_trained_has_nine_new_and_writes_nothing(stack: Stack, tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {"learning_rate": [1e-5, 5e-5], "n_epochs": [1, 2]}
    trained = stack.json(
        "submit", spec_file(tmp_path, "plan", learning_rate=[1e-5], n_epochs=[1], batch_size=[8, 16, 32])
    )
    for job in trained:
        stack.until(job["job"], {"trained"})
    client = stack.producer().store.client
    plan = spec_file(tmp_path, "plan", **axes, batch_size=[8, 16, 32])
    asked = stack.sandbox("GET", "counts")
    keys = {key: client.dump(key) for key in client.keys("hintrelay:job:*")}
    rows = stack.json("plan", plan)
    assert (len(rows), sum(row["new"] for row in rows)) == (12, 9)
    assert {row["shares"]["job"] for row in rows if not row["new"]} == {job["job"] for job in trained}
    assert all(row["file"]["known"] for row in rows)
    now = stack.sandbox("GET", "counts")
    assert {what: n for what, n in now.items() if not what.startswith("GET ")} == {
        what: n for what, n in asked.items() if not what.startswith("GET ")
    }
    assert {key: client.dump(key) for key in client.keys("hintrelay:job:*")} == keys


def test_a_budget_for_five_of_twelve_holds_seven_until_it_is_raised(stack: Stack, tmp_path: Path) -> None:
    sweep = spec_file(tmp_path, "budget", random_seed=list(range(12)))
    rows = stack.json("plan", sweep, "--exact")
    (price,) = {row["estimate"]["usd"] for row in rows}
    assert {row["estimate"]["source"] for row in rows} == {"platform"}
    jobs = stack.json("submit", sweep, "--batch", "five", "--budget", f"{5 * price:.6f}")
    named(stack, jobs)
    producer = stack.producer()

    def seven_held() -> bool:
        found = stack.json("ls", "--batch", "five")
        return (
            sum(job["held"] == "budget" for job in found) == 7
            and sum(reached(JobState(job["state"]), JobState.TRAINING) for job in found) == 5
        )

    eventually(seven_held, f"5 run and 7 are held: {stack.tail(8)}")
    assert len(runs(stack, "budget")) == 5
    waits = stack.json("pending", "--batch", "five")
    assert len(waits) == 7
    assert all(one["command"].startswith("hintrelay budget five ") for one in waits)
    stack.json("budget", "five", f"{12 * price:.6f}")
    eventually(
        lambda: all(job.state is JobState.SUCCEEDED for job in producer.list(batch="five")), f"all end {stack.tail(8)}"
    )
    found = runs(stack, "budget")
    assert len(found) == 12
    assert all(run["total_price"] <= price * 1e9 + 1000 for run in found), "no run costs more than was expected"
    books = eventually(lambda: _settled(stack, "five"), "what was set aside is settled")
    assert books["spent_usd"] == pytest.approx(sum(run["total_price"] for run in found) / 1e9, abs=12e-6)
    assert books["spent_usd"] <= books["limit_usd"]
    (bill,) = stack.json("cost", "--by", "batch", "--batch", "five")
    assert (bill["jobs"], bill["runs"], bill["estimated_usd"]) == (12, 12, 0)
    assert bill["total_usd"] == books["spent_usd"]


def _settled(stack: Stack, batch: str) -> dict[str, Any] | None:
    books: dict[str, Any] = stack.json("budget", batch)
    return books if books["reserved_usd"] == 0 else None


def test_equal_jobs_are_one_run_whoever_of_them_is_cancelled(stack: Stack, tmp_path: Path) -> None:
    same = spec_file(tmp_path, "same", random_seed=[7, 7, 7])
    jobs = stack.json("submit", same)
    named(stack, jobs[1:])
    assert stack.cli("cancel", jobs[0]["job"]).returncode == 0
    for job in jobs[1:]:
        stack.until(job["job"], {"succeeded"})
    kept = [run for run in runs(stack, "same") if run["status"] not in {"cancelled", "cancel_requested"}]
    assert len(kept) == 1
    assert {stack.json("show", job["job"])["platform"]["run_id"] for job in jobs[1:]} == {kept[0]["id"]}
    assert not stack.producer().store.client.keys(Keys.sharers("*"))


def test_a_budget_counts_what_endpoints_cost_and_the_books_equal_the_platforms_bill(
    stack: Stack, tmp_path: Path
) -> None:
    sweep = spec_file(tmp_path, "served", deploy={"mode": "auto", "max_minutes": 10}, random_seed=[101, 102, 103, 104])
    rows = stack.json("plan", sweep, "--exact")
    (price,) = {row["price_usd"] for row in rows}
    (endpoint,) = {row["endpoint"]["usd"] for row in rows}
    assert {row["endpoint"]["source"] for row in rows} == {"platform"}
    assert price == pytest.approx(rows[0]["estimate"]["usd"] + endpoint)
    limit = 1.5 * price
    stack.json("submit", sweep, "--batch", "served", "--budget", f"{limit:.6f}")
    producer = stack.producer()

    def some_ended_and_others_are_held() -> bool:
        books = stack.json("budget", "served")
        assert books["reserved_usd"] + books["spent_usd"] <= books["limit_usd"] + 1e-6
        ended = producer.list(JobState.SUCCEEDED, batch="served")
        return bool(ended) and books["held"] > 0 and books["reserved_usd"] == 0

    eventually(some_ended_and_others_are_held, f"the budget is used up {stack.tail(8)}", 90)
    assert len(runs(stack, "served")) < 4
    stack.json("budget", "served", f"{5 * price:.6f}")
    eventually(lambda: all(job.state is JobState.SUCCEEDED for job in producer.list(batch="served")), stack.tail(8), 90)
    books = eventually(lambda: _settled(stack, "served"), "all endpoints are closed, all runs are settled")
    bill = stack.sandbox("GET", "bill")
    assert bill["running"] == 0
    (cost,) = stack.json("cost", "--by", "batch", "--batch", "served")
    assert cost["endpoint_minutes"] == bill["minutes"] > 0
    assert cost["endpoints_usd"] == pytest.approx(bill["cents"] / 100, abs=4e-4)
    assert cost["total_usd"] == books["spent_usd"]
    assert cost["endpoints_usd"] <= 4 * endpoint, "no estimate is exceeded"
    ranked = json.loads(stack.cli("compare", "--batch", "served", "-o", "json").stdout)
    assert all(one["cost_usd"] > rows[0]["estimate"]["usd"] for one in ranked["rows"])


def test_twenty_jobs_of_equal_data_prepare_and_upload_once(stack: Stack, tmp_path: Path) -> None:
    def prepared() -> int:
        return sum(log.read_text("utf-8").count("data_prepared") for log in stack.folder.glob("worker*.log"))

    rates = [round(1e-5 * (1 + n / 100), 8) for n in range(20)]
    sweep = spec_file(tmp_path, "equal", learning_rate=rates)
    document = json.loads(Path(sweep).read_text())
    document["dataset"]["seed"] = 77  # no other test's file
    Path(sweep).write_text(json.dumps(document))
    files, before = stack.sandbox("GET", "counts").get("POST /files", 0), prepared()
    jobs = stack.json("submit", sweep)
    for job in jobs:
        stack.until(job["job"], {"training", "trained"}, 90)
    assert prepared() - before == 1
    assert stack.sandbox("GET", "counts")["POST /files"] - files == 1
    assert len(runs(stack, "equal")) == 20
