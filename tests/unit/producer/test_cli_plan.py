"""plan: each job's price, what is shared, and nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from common.errors import Unreachable
from common.money import Estimate
from common.quotes import Quote
from common.sharing import Sharing
from common.spec import FinetuneSpec, JobSpec
from common.states import JobState
from common.store import Store
from producer.cli.context import Tools
from producer.planning import measure
from tests.jobs_made import in_state
from tests.unit.producer.conftest import Run, error_of, loaded

MATRIX = {"finetune.learning_rate": [1e-5, 5e-5], "finetune.n_epochs": [1, 3], "finetune.batch_size": [8, 16, 32]}


class FakeQuotes:
    """Tells one price; remembers what it was asked."""

    def __init__(self, quote: Quote | None = None) -> None:
        self.quote_told = quote or Quote(Estimate(2_000_000, 9, "platform"))
        self.uploaded: list[bytes] = []
        self.asked: list[tuple[int, str]] = []
        self.offer: tuple[str, float] | None = ("1xacme", 4.0)
        self.hardware_asked: list[tuple[str, str, str]] = []

    def upload(self, path: Path) -> str:
        self.uploaded.append(path.read_bytes())
        return "file-1"

    def quote(self, wanted: FinetuneSpec, file_id: str) -> Quote:
        self.asked.append((wanted.n_epochs, file_id))
        return self.quote_told

    def hardware(self, model: str, *, config: str = "", hardware: str = "") -> tuple[str, float] | None:
        self.hardware_asked.append((model, config, hardware))
        return self.offer


@pytest.fixture
def sweep(spec_file: Path) -> Path:
    """2 x 2 x 3 jobs."""
    document = yaml.safe_load(spec_file.read_text())
    document["matrix"] = MATRIX
    spec_file.write_text(yaml.safe_dump(document))
    return spec_file


def mark_of(row: dict[str, Any], tools: Tools) -> str:
    from common.reuse import run_fingerprint

    spec = JobSpec.parse(row["spec"])
    return run_fingerprint(tools.settings.platform_url, row["file"]["sha256"], spec.finetune)


def trained(row: dict[str, Any], tools: Tools, store: Store, state: JobState = JobState.TRAINED) -> str:
    """A job that paid for the run of this row."""
    job = in_state(store, state, run_id="ft-1", output_name="acme/tuned" if state is JobState.TRAINED else None)
    store.client.hset("hintrelay:payers", mark_of(row, tools), job)
    return job


def test_a_plan_of_twelve_with_three_trained_already_has_nine_new(
    run: Run, sweep: Path, tools: Tools, job_store: Store
) -> None:
    rows = loaded(run("plan", str(sweep), "-o", "json"))
    for row in rows[:3]:
        trained(row, tools, job_store)
    before = {key: job_store.client.dump(key) for key in job_store.client.keys("*")}
    rows = loaded(run("plan", str(sweep), "-o", "json"))
    assert (len(rows), sum(row["new"] for row in rows)) == (12, 9)
    assert {key: job_store.client.dump(key) for key in job_store.client.keys("*")} == before
    assert [row["price_usd"] for row in rows[:3]] == [0, 0, 0]
    assert rows[0]["shares"]["state"] == "trained"


def test_rows_that_are_equal_are_one_run(run: Run, sweep: Path) -> None:
    rows = loaded(run("plan", str(sweep), "--set", "matrix.finetune.batch_size=[8, 16, 16]", "-o", "json"))
    twins = {number: row["shares"]["row"] for number, row in enumerate(rows, 1) if row["shares"]}
    assert (len(rows), len(twins)) == (12, 4)
    for twin, first in twins.items():
        assert rows[twin - 1]["spec"]["finetune"] == rows[first - 1]["spec"]["finetune"]
        assert rows[twin - 1]["estimate"] == rows[first - 1]["estimate"]
        assert rows[twin - 1]["price_usd"] == 0 < rows[first - 1]["price_usd"]


def test_fresh_rows_share_with_nobody(run: Run, sweep: Path, tools: Tools, job_store: Store) -> None:
    trained(loaded(run("plan", str(sweep), "-o", "json"))[0], tools, job_store)
    rows = loaded(run("plan", str(sweep), "--fresh", "--set", "matrix.finetune.batch_size=[8, 8]", "-o", "json"))
    assert all(row["new"] for row in rows)


def test_a_run_whose_job_failed_untrained_is_paid_again(run: Run, sweep: Path, tools: Tools, job_store: Store) -> None:
    row = loaded(run("plan", str(sweep), "-o", "json"))[0]
    job_store.client.hset("hintrelay:payers", mark_of(row, tools), in_state(job_store, JobState.FAILED))
    assert loaded(run("plan", str(sweep), "-o", "json"))[0]["new"]


def test_the_table_sums_up(run: Run, sweep: Path) -> None:
    result = run("plan", str(sweep))
    assert "12 jobs, 12 new runs, 0 shared" in result.stderr
    assert "by this machine's estimate, prices of 2025-11" in result.stderr
    assert "$0.0" in result.stdout


def test_a_store_that_is_away_costs_only_what_is_there_already(
    run: Run, sweep: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unreachable("no Redis")

    monkeypatch.setattr(Sharing, "files", away)
    result = run("plan", str(sweep))
    assert result.exit_code == 0
    assert "what is there already is not known: no Redis" in result.stderr


def test_exact_uploads_once_and_tells_the_platforms_price(run: Run, sweep: Path, tools: Tools) -> None:
    tools.quotes = quotes = FakeQuotes()
    rows = loaded(run("plan", str(sweep), "--exact", "-o", "json"))
    assert [row["estimate"] for row in rows] == [{"usd": 2.0, "tokens": 9, "source": "platform"}] * 12
    assert len(quotes.uploaded) == 1
    assert quotes.asked == [(1, "file-1"), (3, "file-1")]
    assert all(row["file"]["known"] for row in loaded(run("plan", str(sweep), "-o", "json")))


def test_an_auto_jobs_endpoint_is_part_of_its_price(run: Run, sweep: Path) -> None:
    plain = loaded(run("plan", str(sweep), "-o", "json"))
    rows = loaded(run("plan", str(sweep), "--set", "deploy.mode=auto", "-o", "json"))
    assert {row["endpoint"] for row in plain if row["endpoint"] is None} == {None}
    assert {row["endpoint"]["cents_per_minute"] for row in rows} == {36.6}  # a model of unknown size: 21.96 an hour
    for row, other in zip(rows, plain, strict=True):
        assert row["endpoint"]["minutes"] <= 60
        assert row["endpoint"]["usd"] == pytest.approx(
            row["endpoint"]["minutes"] * row["endpoint"]["cents_per_minute"] / 100
        )
        assert row["price_usd"] == pytest.approx(other["price_usd"] + row["endpoint"]["usd"])
    said = run("plan", str(sweep), "--set", "deploy.mode=auto").stderr
    assert "for 12 endpoints" in said
    short = loaded(run("plan", str(sweep), "--set", "deploy.mode=auto", "--set", "deploy.max_minutes=1", "-o", "json"))
    assert {row["endpoint"]["minutes"] for row in short} == {1}


def test_exact_asks_for_the_price_of_the_hardware_once(run: Run, sweep: Path, tools: Tools) -> None:
    tools.quotes = quotes = FakeQuotes()
    rows = loaded(run("plan", str(sweep), "--set", "deploy.mode=auto", "--exact", "-o", "json"))
    assert {(row["endpoint"]["cents_per_minute"], row["endpoint"]["hardware"]) for row in rows} == {(4.0, "1xacme")}
    assert {row["endpoint"]["source"] for row in rows} == {"platform"}
    assert len(quotes.hardware_asked) == 1
    quotes.offer = None
    result = run("plan", str(sweep), "--set", "deploy.mode=auto", "--exact")
    assert "the platform told no price of an endpoint (it has nothing that serves it)" in result.stderr


def test_max_cost_counts_the_endpoint(run: Run, sweep: Path) -> None:
    limit = ("--set", "limits.max_cost_usd=0.05")
    assert run("submit", str(sweep), *limit).exit_code == 0
    refused = run("submit", str(sweep), *limit, "--set", "deploy.mode=auto", "-o", "json")
    assert refused.exit_code == 4
    assert "minutes of an endpoint" in error_of(refused)["message"]


@pytest.mark.parametrize("again", ["[1e-5, 0.00001]", "[1.0e-5, 1.0e-05]", "[0.00001, 10e-6]"])
def test_values_that_repeat_make_rows_that_share(run: Run, sweep: Path, again: str) -> None:
    document = yaml.safe_load(sweep.read_text())
    axes = {name: values for name, values in document.pop("matrix").items() if name != "finetune.learning_rate"}
    matrix = f"matrix:\n  finetune.learning_rate: {again}\n" + "".join(f"  {k}: {v}\n" for k, v in axes.items())
    sweep.write_text(yaml.safe_dump(document) + matrix)
    rows = loaded(run("plan", str(sweep), "-o", "json"))
    assert (len(rows), sum(row["new"] for row in rows)) == (12, 6)
    assert sum(row["price_usd"] for row in rows) == pytest.approx(sum(r["estimate"]["usd"] for r in rows if r["new"]))


def test_what_the_platform_does_not_allow_is_said(run: Run, sweep: Path, tools: Tools) -> None:
    tools.quotes = FakeQuotes(Quote(Estimate(2_000_000, 9, "platform"), allowed=False, limit=1_000_000))
    result = run("plan", str(sweep), "--exact")
    assert (
        "the platform does not allow the run: it expects about $2.00 for it; the account's limit is $1.00"
        in result.stderr
    )


def test_a_job_that_is_dearer_than_it_may_be_is_refused(run: Run, sweep: Path, job_store: Store) -> None:
    said = "limits.max_cost_usd: job sweep-1e-05 is expected to cost"
    assert said in run("plan", str(sweep), "--set", "limits.max_cost_usd=0.000001").stderr
    refused = run("submit", str(sweep), "--set", "limits.max_cost_usd=0.000001", "-o", "json")
    assert refused.exit_code == 4
    assert said in error_of(refused)["message"]
    assert not job_store.ids()
    assert run("submit", str(sweep), "--set", "limits.max_cost_usd=5").exit_code == 0


def test_a_training_file_is_made_once_for_all_that_train_on_it(sweep: Path, tools: Tools) -> None:
    from common.matrix import expand

    document = yaml.safe_load(sweep.read_text())
    document["dataset"]["source"] = str(sweep.parent / document["dataset"]["source"])
    data = measure(tools.producer.check(expand(document)))
    assert len({id(one) for one in data}) == 1
