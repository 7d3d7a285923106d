"""plan and submit: a metric whose models are not here is told, with the reason, before anything is paid."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from producer.cli import crew
from tests.unit.producer.conftest import Run, loaded

WORDS = "familiarity.word_frequency"


@pytest.fixture
def wanting(spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec with metrics whose models this machine lacks, and a judge."""
    monkeypatch.setenv("HINTEVAL_CACHE_DIR", str(tmp_path / "no-cache"))
    monkeypatch.setattr(crew, "has_hints", lambda: True)
    document = yaml.safe_load(spec_file.read_text())
    document["evaluate"] = {"metrics": ["rouge1", WORDS, "relevance.llm"], "judge": {"model": "acme/judge"}}
    document["matrix"] = {"finetune.n_epochs": [1, 2, 3]}
    spec_file.write_text(yaml.safe_dump(document))
    return spec_file


@pytest.mark.parametrize("command", ["plan", "submit"])
def test_an_unavailable_metric_is_told_once_with_its_reason(run: Run, wanting: Path, command: str) -> None:
    told = " ".join(run(command, str(wanting)).stderr.split())
    assert told.count(f"{WORDS} is unavailable on this machine: HintEval's word frequencies") == 1
    assert "goes on without it (evaluate.unavailable: report)" in told
    assert told.count("whether the judge acme/judge answers is tried before anything is paid") == 1
    assert "rouge1 is unavailable" not in told


def test_plans_json_has_it_too(run: Run, wanting: Path) -> None:
    rows = loaded(run("plan", str(wanting), "-o", "json"))
    assert [list(row["unavailable"]) for row in rows] == [[WORDS]] * 3
    assert "word_frequency_normalized.json is missing" in rows[0]["unavailable"][WORDS]


def test_block_is_told_as_what_it_does(run: Run, wanting: Path) -> None:
    told = run("plan", str(wanting), "--set", "evaluate.unavailable=block").stderr
    assert "ends the job before anything is paid" in " ".join(told.split())


def test_a_machine_without_hinteval_says_nothing_of_what_workers_have(
    run: Run, wanting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "has_hints", lambda: False)
    assert "unavailable on this machine" not in run("plan", str(wanting)).stderr
