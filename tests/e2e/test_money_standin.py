"""Money on a second platform, whose prices are other than those of the sandbox, told late, or wrongly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.states import JobState
from tests.e2e.stack import Stack, eventually
from tests.e2e.standin import StandIn
from tests.e2e.test_money import spec_file

pytestmark = [pytest.mark.xdist_group("money-standin"), pytest.mark.timeout(240)]

RUN = ("POST", "/v1/fine-tunes")


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, StandIn]]:
    platform = StandIn()
    stack = Stack(tmp_path_factory.mktemp("money-standin"), platform_url=platform.url, HINTRELAY_TICK_SECONDS="0.3")
    try:
        for name in ("worker", "worker-2"):
            stack.spawn(name, [sys.executable, "-m", "tests.e2e.chaos.worker", "platform,hints"])
        stack.start("beat")
        yield stack, platform
    finally:
        stack.stop()
        platform.close()


def submitted(stack: Stack, platform: StandIn, *words: str) -> list[str]:
    jobs = [job["job"] for job in stack.json("submit", *words)]
    for job_id in jobs:
        platform.names.add(f"acme/{job_id}")
        stack.producer().register_deployment(job_id, f"acme/{job_id}")
    return jobs


def test_a_list_that_repeats_and_files_that_repeat_are_rows_that_share(
    money: tuple[Stack, StandIn], tmp_path: Path
) -> None:
    stack, platform = money
    axes: dict[str, list[Any]] = {"batch_size": [8, 16], "n_epochs": [1, 2], "learning_rate": [2e-5, 0.00003, 3e-5]}
    path = spec_file(tmp_path, "twice", **axes)
    asked = len(platform.requests)
    rows = stack.json("plan", path)
    assert (len(rows), sum(row["new"] for row in rows)) == (12, 8)
    other = spec_file(tmp_path, "twice", batch_size=[8], n_epochs=[1], learning_rate=[2e-5])
    both = stack.json("plan", path, other)
    assert len(both) == 2  # one file, given twice: the later one took the place of the first
    assert sum(row["new"] for row in both) == 1
    assert len(platform.requests) == asked


def test_five_of_twelve_with_prices_that_come_late_and_are_exceeded(
    money: tuple[Stack, StandIn], tmp_path: Path
) -> None:
    stack, platform = money
    platform.estimate = {**platform.estimate, "estimated_total_price": 3.3333335}
    platform.odd_estimates = [{"estimation_available": False, "unavailable_reason": "train_file_not_validated"}] * 2
    platform.total_price = 3_000_000_001
    price = 3.333334  # micro-dollars, rounded up
    before = platform.count(*RUN)
    jobs = submitted(
        stack,
        platform,
        spec_file(tmp_path, "late", random_seed=list(range(12))),
        "--batch",
        "late",
        "--budget",
        "16.67",
    )

    def as_many_as_fit() -> bool:
        """5 at 3.333334 are 16.666670; what they cost less than that, 5 times 0.333333, makes no room for a sixth."""
        books = stack.json("budget", "late")
        assert books["reserved_usd"] + books["spent_usd"] <= books["limit_usd"]
        return bool(books["held"] == 7 and platform.count(*RUN) - before == 5)

    eventually(as_many_as_fit, f"5 run, 7 are held {stack.tail(6)}", 60)
    books = eventually(lambda: _even(stack, "late"), "all that ran is settled")
    assert books["spent_usd"] == pytest.approx(5 * 3.000001)
    assert (books["held"], platform.count(*RUN) - before) == (7, 5)
    assert stack.json("budget", "late", f"{12 * price:.6f}")["limit_usd"] == pytest.approx(12 * price)
    producer = stack.producer()
    eventually(
        lambda: all(producer.get(job_id).state is JobState.SUCCEEDED for job_id in jobs), f"all end {stack.tail(6)}", 90
    )
    assert platform.count(*RUN) - before == 12
    assert eventually(lambda: _even(stack, "late"), "all is settled")["spent_usd"] == pytest.approx(12 * 3.000001)


def test_a_run_that_costs_more_than_was_expected_ends_and_nothing_new_is_paid(
    money: tuple[Stack, StandIn], tmp_path: Path
) -> None:
    stack, platform = money
    platform.estimate = {**platform.estimate, "estimated_total_price": 2.0}
    platform.total_price = 5_000_000_000
    path = spec_file(tmp_path, "dear", random_seed=[201, 202, 203], n_epochs=[4])
    submitted(stack, platform, path, "--batch", "dear", "--budget", "4")
    eventually(lambda: (books := _even(stack, "dear")) and books["spent_usd"] == 10, f"two run {stack.tail(6)}", 60)
    books = stack.json("budget", "dear")
    assert (books["held"], books["room_usd"]) == (1, -6)


def test_an_account_that_may_not_pay_holds_the_job_and_says_so(money: tuple[Stack, StandIn], tmp_path: Path) -> None:
    stack, platform = money
    allowed = platform.estimate
    platform.estimate = {**allowed, "allowed_to_proceed": False, "user_limit": 1.5}
    before = platform.count(*RUN)
    try:
        (job_id,) = submitted(stack, platform, spec_file(tmp_path, "poor", random_seed=[301], n_epochs=[5]))
        eventually(lambda: stack.json("show", job_id)["held"] == "platform", stack.tail(6))
        assert "the account's limit is $1.50" in stack.json("show", job_id)["waiting"]
        assert platform.count(*RUN) == before
    finally:
        platform.estimate = allowed


def _even(stack: Stack, batch: str) -> dict[str, Any] | None:
    books: dict[str, Any] = stack.json("budget", batch)
    return books if books["reserved_usd"] == 0 and books["spent_usd"] > 0 else None
