"""HintEval's metrics through the adapters: its own values where they are right, no value where it would invent one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.metrics import METRICS
from tests.e2e.stack import ROOT, clean_environ
from tests.integration.hinteval_metrics_probe import ODD_BODIES

WIKIHINT = ROOT.parent / "shared" / "data" / "wikihint" / "wikihint-100.json"
SAMPLE = ROOT / "producer" / "sample" / "hints-60.json"

#: HintEval alone takes 10 s to import, and 30 s where others work too
pytestmark = [pytest.mark.xdist_group("hinteval_metrics"), pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def probed() -> dict[str, Any]:
    """What one process with HintEval found out: on the 500 hints of WikiHint where they are, else on the sample's."""
    source = WIKIHINT if WIKIHINT.is_file() else SAMPLE
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("hinteval_metrics_probe.py")), str(source)],
        cwd=ROOT,
        env={**clean_environ(), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=450,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_metrics_that_need_no_network_equal_hintevals_own(probed: dict[str, Any]) -> None:
    assert len(probed["local"]) == 9
    for metric, seen in probed["local"].items():
        assert seen["distance"] <= 1e-9, metric
        assert seen["unscored"] == 0, metric
    if WIKIHINT.is_file():
        assert {seen["n"] for seen in probed["local"].values()} == {500}


def test_a_hint_that_hinteval_stumbles_over_loses_no_other_one(probed: dict[str, Any]) -> None:
    assert probed["stumbling"] == [1.0, None, 1.0]


def test_word_frequency_does_what_its_name_says_where_hintevals_does_the_other_thing(probed: dict[str, Any]) -> None:
    seen = probed["familiarity"]
    assert seen["without"] == ["familiarity-freq-exclude_stop_words-sm", 0.375]
    assert seen["all"] == ["familiarity-freq-include_stop_words-sm", 0.688]
    assert "word_frequency_normalized.json is missing" in seen["lacks"]


def test_page_views_that_cannot_be_read_are_no_zero(probed: dict[str, Any]) -> None:
    assert "Wikipedia's page views could not be read" in probed["wikipedia"].replace("\\", "")


def test_contextual_leakage_knows_the_answer_where_its_model_is_present(probed: dict[str, Any]) -> None:
    seen = probed["contextual"]
    if isinstance(seen, str):
        pytest.skip(seen)
    assert seen[0] > 0.99 > 0.7 > seen[1]


def test_a_judges_number_is_hintevals(probed: dict[str, Any]) -> None:
    assert probed["judged"]["same"] == [True, True, ["relevance-llm-acme_judge"]]
    assert probed["judged"]["relevance"] == [0.5]
    assert probed["judged"]["convergence"] == [0.91]


def test_readability_is_unscored_where_the_reply_has_no_level(probed: dict[str, Any]) -> None:
    seen = probed["judged"]["readability"]
    assert (seen[0], seen[1], seen[4]) == (1.0, 2.0, 0.0)
    assert seen[2] == "unscored: the judge's reply has no number from 1 to 6: 'hard'"
    assert seen[3] == "unscored: the judge's reply has no number from 1 to 6: '9'"


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("relevance_empty", "found no statement"),
        ("relevance_garbage", "could not be read: 'I am a teapot'"),
        ("relevance_odd", "none of yes, no, idk: 'banana'"),
        ("convergence_garbage", "neither yes nor no: 'Maybe'"),
        ("refused", "answered 413"),
        ("no_text", "answered without text"),
        ("convergence_unsure", "neither yes nor no: 'Not sure'"),
        ("readability_refused", "no number from 1 to 6"),
        ("readability_page", "no number from 1 to 6: '<html>"),
        ("relevance_schema", "could not be read"),
        ("relevance_fewer", "gave 1 verdicts on 2 statements"),
    ],
)
def test_a_reply_that_says_nothing_makes_no_number(probed: dict[str, Any], case: str, reason: str) -> None:
    assert probed["judged"][case][0].startswith("unscored: ")
    assert reason in probed["judged"][case][0]


@pytest.mark.parametrize("metric", ["readability", "relevance", "convergence"])
@pytest.mark.parametrize("body", sorted(ODD_BODIES))
def test_an_answer_that_is_no_chat_completion_costs_its_hint_alone(
    probed: dict[str, Any], metric: str, body: str
) -> None:
    assert re.match(
        "unscored: the judge answered (without text|with no chat completion)", probed["judged"][f"{metric}_{body}"][0]
    )


def test_pages_of_errors_are_no_candidates(probed: dict[str, Any]) -> None:
    assert probed["judged"]["candidates_pages"].startswith("unscored: the judge gave 0 candidate answers")


def test_candidates_end_with_the_right_answer(probed: dict[str, Any]) -> None:
    seen = probed["judged"]["candidates"]
    assert len(set(seen)) == 11
    assert seen[-1] == "Vienna"


def test_a_judge_that_repeats_itself_is_not_asked_for_ever(probed: dict[str, Any]) -> None:
    assert probed["judged"]["candidates_repeated"].startswith("unscored: the judge gave 0 candidate answers")
    assert probed["judged"]["repeats_asked"] <= 32


def test_a_list_that_has_lost_the_answer_makes_no_other_one_right(probed: dict[str, Any]) -> None:
    assert "has lost the right one" in probed["judged"]["candidates_lost"]


def test_a_failed_request_is_an_error_and_no_candidate_fewer(probed: dict[str, Any]) -> None:
    assert probed["judged"]["busy"].startswith("Busy model_busy")
    assert probed["judged"]["no_model"][0].startswith("Permanent deployment_unknown")


def test_a_judge_that_answers_nothing_answers_and_one_that_is_not_there_does_not(probed: dict[str, Any]) -> None:
    mute, gone = probed["judged"]["check"]
    assert mute is None
    assert gone.startswith("Permanent deployment_unknown")


def test_compare_ranks_a_published_pair_as_its_hints_themselves_do(probed: dict[str, Any]) -> None:
    for metric, seen in probed["pair"].items():
        assert seen["n"] == 100
        assert seen["compare"].keys() == {"tuned", "vanilla"}
        for model, mean in seen["direct"].items():
            assert abs(seen["compare"][model] - mean) <= 1e-9, metric
        best = next(iter(seen["compare"]))
        direct = sorted(seen["direct"], key=lambda model: METRICS[metric].better * -seen["direct"][model])
        assert best == direct[0], metric
