"""The benchmarks still run: a tiny one end to end, without peers, and the arithmetic of rounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.kit.budget import Slot
from benchmarks.kit.processes import Broken
from benchmarks.kit.results import BEGIN, END, write, write_page
from benchmarks.kit.rounds import Benchmark, Column, Figures, Options, Spread, Subject, Table, Verdict, play

ROOMY = Slot(quick=60, full=60, limit=30)


@pytest.mark.timeout(120)
def test_a_tiny_relay_runs_end_to_end(tmp_path: Path) -> None:
    arguments = ["--only", "relay", "--rounds", "1", "--scale", "0.005", "--no-peers", "--out", str(tmp_path)]
    assert main(arguments) == 0
    found = json.loads((tmp_path / "relay.json").read_text())
    assert not found["broke"]
    assert all(rounds[0]["pipelines_per_s"] > 0 for rounds in found["rounds"].values())


def bench(*subjects: Subject) -> Benchmark:
    @contextmanager
    def given(options: Options) -> Iterator[list[Subject]]:
        yield list(subjects)

    return Benchmark("toy", "A toy", "", [Column("rate", "rate", "1/s")], given, lambda table: [], [], rounds=2)


def options(folder: Path) -> Options:
    return Options(folder, say=lambda text: None)


def test_rounds_are_interleaved_and_every_second_one_runs_backwards(tmp_path: Path) -> None:
    order: list[str] = []

    def subject(name: str) -> Subject:
        def run() -> Figures:
            order.append(name)
            return {"rate": 1.0}

        return Subject(name, run)

    play(bench(subject("a"), subject("b")), options(tmp_path), ROOMY)
    assert order == ["a", "b", "b", "a"]


def test_a_subject_that_breaks_is_named_and_the_others_run_on(tmp_path: Path) -> None:
    def broken() -> Figures:
        raise Broken("it fell over")

    table = play(bench(Subject("bad", broken), Subject("good", lambda: {"rate": 2.0})), options(tmp_path), ROOMY)
    assert table.faults == {"bad": "it fell over"}
    assert len(table.rows["good"]) == 2


def test_ratios_are_taken_within_each_round() -> None:
    table = Table({"us": [{"rate": 10.0}, {"rate": 100.0}], "them": [{"rate": 5.0}, {"rate": 25.0}]})
    assert table.ratio("us", "them", "rate") == Spread(3.0, 2.0, 4.0)


def test_a_goal_without_both_sides_is_neither_met_nor_missed() -> None:
    assert Verdict("x", None, 3, at_least=True).met is None
    assert Verdict("x", Spread(2.9, 2, 4), 3, at_least=True).met is False
    assert Verdict("x", Spread(0.4, 0.3, 0.6), 0.5, at_least=False).met is True


def test_the_page_keeps_what_stands_around_its_results(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    toy = bench()
    verdict = Verdict("as fast | faster", Spread(10.0, 9.0, 11.0), 12, at_least=True)
    write(tmp_path / "results", toy, Table({"us": [{"rate": 10.0}]}), [verdict], {"CPU": "fast"})
    write_page(page, tmp_path / "results", ["absent", "toy"])
    text = page.read_text()
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "| us | 10.0 | 1 |" in text
    assert "| toy | as fast \\| faster | at least 12 x | 10.00 [9.00 to 11.00] x | NOT met |" in text
    assert "CPU: fast" in text
    assert "old" not in text
