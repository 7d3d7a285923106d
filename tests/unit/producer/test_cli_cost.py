"""cost: what jobs have cost, those that are there and those that expired."""

from __future__ import annotations

import pytest

from common.archive import Archive
from common.states import JobState
from common.store import Store
from tests.jobs_made import made
from tests.unit.producer.conftest import Run, error_of, loaded

FACTS = {"spent": 2_000_000, "paid": 1_800_000_000, "endpoint_cost": 500_000, "endpoint_minutes": 10}


@pytest.fixture
def paid(job_store: Store) -> list[str]:
    """Two jobs of a batch that have cost 2.50 USD each."""
    ids = [made(job_store, batch="night") for _ in range(2)]
    for job_id in ids:
        assert job_store.move(job_id, JobState.ACCEPTED, JobState.CANCELLED, FACTS)
    return ids


@pytest.mark.parametrize(
    ("by", "group"), [("job", "expired"), ("batch", "night"), ("model", "acme/base"), ("day", "2027-01-15")]
)
def test_money_of_jobs_that_expired_is_not_forgotten(
    run: Run, job_store: Store, paid: list[str], by: str, group: str
) -> None:
    whole = sum(row["total_usd"] for row in loaded(run("cost", "--by", by, "-o", "json")))
    assert whole == 5.0
    assert Archive.beside(job_store).expire(paid[:1], 0) == {"expired": paid[:1]}
    rows = {row[by]: row for row in loaded(run("cost", "--by", by, "-o", "json"))}
    assert rows[group]["total_usd"] == (2.5 if by == "job" else 5.0)
    assert sum(row["total_usd"] for row in rows.values()) == whole
    assert Archive.beside(job_store).expire(paid[1:], 0) == {"expired": paid[1:]}
    (row,) = loaded(run("cost", "--by", by, "--batch", "night", "-o", "json"))
    assert (row[by], row["jobs"], row["total_usd"]) == (group, 2, whole)
    assert "$5.00" in run("cost", "--by", by).stdout


def test_a_batch_that_never_was_is_not_found(run: Run, paid: list[str]) -> None:
    result = run("cost", "--batch", "day", "-o", "json")
    assert result.exit_code == 6
    assert "no batch day" in error_of(result)["message"]
