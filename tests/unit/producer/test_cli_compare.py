"""compare: jobs by metrics, ranked, as a table, CSV, JSON and a page."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from typing import Any

import pytest

from common.states import ROAD, JobState
from common.store import Store
from producer.cli.context import Tools
from producer.compare.entries import differing
from tests.jobs_made import made, spec
from tests.unit.producer.conftest import Run, loaded

BLANK: dict[str, Any] = {"entities": [], "metrics": {}, "metadata": {}}


def score(mean: float, n: int = 20, **more: Any) -> dict[str, Any]:
    return {"mean": mean, "n": n, "questions": n // 2, "low": mean - 0.1, "high": mean + 0.1, **more}


def pair(difference: float, base: float) -> dict[str, Any]:
    counts = {"n": 10, "better": 6, "same": 3, "worse": 1}
    means = {"tuned": base + difference, "base": base, "difference": difference}
    return {**counts, **means, "low": difference - 0.1, "high": difference + 0.1, "score": score(base)}


def instance(question: str, hint: str, value: float) -> dict[str, Any]:
    hints = {**BLANK, "hint": hint, "source": None, "metrics": {"relevance-rouge1": {"value": value}}}
    asked = {**BLANK, "question": question, "question_type": {}}
    return {"question": asked, "answers": [{**BLANK, "answer": "Ulm"}], "hints": [hints], "metadata": {}}


def results(tools: Tools, hint: str) -> dict[str, Any]:
    subsets = {
        name: {
            "name": name,
            "metadata": {},
            "instances": {f"q{n}": instance(f"Who is {n}?", text, 0.5) for n in range(30)},
        }
        for name, text in (("test", hint), ("test-baseline", "a plain hint"))
    }
    losses = {"train": [[1.0, 2.0], [2.0, 1.0]], "eval": [[2.0, 1.2]]}
    document = {"metadata": {"hintrelay": {"losses": losses}}, "subsets": subsets}
    return tools.artifacts.put(json.dumps(document).encode()).dump()


def succeeded(store: Store, record: dict[str, Any], **facts: Any) -> str:
    job_id = made(store, record=record)
    for origin, target in pairwise(ROAD):
        assert store.move(job_id, origin, target, facts if target is JobState.SUCCEEDED else {})
    return job_id


def sweep(tools: Tools, store: Store) -> tuple[str, str]:
    """Two jobs that have ended, the second one better, against one base model."""
    ids = []
    for mean, rate in ((0.3, 1e-5), (0.5, 5e-5)):
        scores = {"rouge1": score(mean), "answer_leakage": score(0.2, unscored=2)}
        compared = {"rouge1": pair(mean - 0.1, 0.1), "answer_leakage": pair(0.1, 0.1)}
        facts = {"scores": scores, "comparison": compared, "baseline": "acme/base"}
        name = f"<b>lr{rate}</b>"
        record = {"name": name, "spec": spec(name=name, finetune={"learning_rate": rate}).dump()}
        ids.append(succeeded(store, record, results=results(tools, "<script>x</script>"), **facts))
    return ids[0], ids[1]


def test_the_best_under_the_first_metric_stands_first_and_the_base_model_is_a_row(
    run: Run, tools: Tools, job_store: Store
) -> None:
    worse, better = sweep(tools, job_store)
    told = loaded(run("compare", worse, better, "-o", "json"))
    assert [row["job"] for row in told["rows"]] == [better, worse, None]
    assert told["rows"][2]["name"] == "base: acme/base"
    assert told["rows"][2]["scores"]["rouge1"]["mean"] == 0.1
    assert told["rows"][0]["comparison"]["rouge1"]["better"] == 6


def test_less_is_better_where_the_metric_says_so(run: Run, tools: Tools, job_store: Store) -> None:
    worse, better = sweep(tools, job_store)
    told = loaded(run("compare", worse, better, "--metric", "answer_leakage", "-o", "json"))
    assert told["metrics"] == ["answer_leakage"]
    assert told["rows"][0]["job"] is None


def test_csv_has_numbers_as_they_are_and_no_formulas(run: Run, tools: Tools, job_store: Store) -> None:
    worse, better = sweep(tools, job_store)
    job_store.client.hset(f"hintrelay:job:{better}", "name", "=cmd()")
    rows = list(csv.DictReader(io.StringIO(run("compare", worse, better, "-o", "csv").stdout)))
    assert rows[0]["name"] == "'=cmd()"
    assert float(rows[0]["rouge1 mean"]) == 0.5
    assert float(rows[0]["rouge1 difference"]) == 0.4
    assert rows[0]["answer_leakage unscored"] == "2"
    assert [rows[0][f"rouge1 {name}"] for name in ("better", "same", "worse", "pairs")] == ["6", "3", "1", "10"]


def test_the_table_shows_the_difference_in_brackets(run: Run, tools: Tools, job_store: Store) -> None:
    worse, better = sweep(tools, job_store)
    lines = run("compare", worse, better).stdout.splitlines()
    assert lines[1].startswith(better)
    assert "0.500 (+0.400) n20" in lines[1]


def test_what_could_not_be_taken_is_told_with_its_reason_and_is_no_zero(
    run: Run, tools: Tools, job_store: Store
) -> None:
    scores = {"rouge1": score(0.3), "familiarity.wikipedia": {"mean": None, "n": 0, "unavailable": "no network here"}}
    lacks = {"familiarity.wikipedia": "no network here", "baseline": "acme/base answered 404"}
    job = succeeded(job_store, {}, scores=scores, unavailable=lacks)
    result = run("compare", job)
    assert "unavailable: familiarity.wikipedia: no network here" in result.stderr
    assert "the base model could not be asked: acme/base answered 404" in result.stderr
    assert result.stdout.splitlines()[1].split()[-1] == "-"


def test_a_metric_of_which_every_hint_is_unscored_has_its_n_and_no_mean(
    run: Run, tools: Tools, job_store: Store
) -> None:
    lost = {"mean": None, "n": 0, "questions": 0, "unscored": 24}
    job = succeeded(job_store, {}, scores={"rouge1": score(0.3), "relevance.llm": lost})
    assert run("compare", job).stdout.splitlines()[1].endswith("- n0")
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    assert "-<small>n 0, 24 unscored</small>" in run("compare", job, "-o", "html").stdout


def test_a_metric_that_no_job_has_is_told(run: Run, tools: Tools, job_store: Store) -> None:
    worse, _ = sweep(tools, job_store)
    assert "no job was scored by rouge2" in run("compare", worse, "--metric", "rouge2").stderr


def test_a_job_that_is_named_twice_is_one_row(run: Run, tools: Tools, job_store: Store) -> None:
    worse, _ = sweep(tools, job_store)
    told = loaded(run("compare", worse, worse[:7], "-o", "json"))
    assert [row["job"] for row in told["rows"] if row["job"]] == [worse]


def test_a_job_without_scores_is_named_and_shown_with_none(run: Run, tools: Tools, job_store: Store) -> None:
    _, better = sweep(tools, job_store)
    waiting = made(job_store)
    result = run("compare", waiting, better, "-o", "json")
    assert waiting in result.stderr
    assert loaded(result)["rows"][-1]["scores"]["rouge1"] is None


def test_keys_that_differ_are_the_matrix_and_names_are_none() -> None:
    specs = [{"name": str(rate), "finetune": {"lr": rate, "n": 3}, "version": 1} for rate in (1, 2)]
    assert differing(specs) == ["finetune.lr"]


def test_the_page_is_one_file_that_fetches_nothing_and_runs_nothing(run: Run, tools: Tools, job_store: Store) -> None:
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    text = run("compare", *sweep(tools, job_store), "-o", "html").stdout
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)=["'](?!#)|url\((?!#)|@import|<script|<link|<img""", text)
    assert "&lt;script&gt;x&lt;/script&gt;" in text
    assert "&lt;b&gt;lr" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_page_has_every_figure_ten_questions_and_the_specs(run: Run, tools: Tools, job_store: Store) -> None:
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    text = run("compare", *sweep(tools, job_store), "-o", "html").stdout
    titles = re.findall(r'role="img" aria-label="([^"]+)"', text)
    assert titles == [
        "rouge1: mean and 95 % interval",
        "answer_leakage: mean and 95 % interval",
        "rouge1: tuned less base",
        "answer_leakage: tuned less base",
        "rouge1 over the matrix",
        "answer_leakage over the matrix",
        "Training loss of the runs",
    ]
    assert text.count("<article>") == 10
    assert text.count("a plain hint") == 10
    assert text.count("<summary>Spec of") == 2
    assert "rouge1: 0.500" in text
