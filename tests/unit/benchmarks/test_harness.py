"""The harness itself: budgets, subjects that fail or hang, what outlives a benchmark, verdicts on empty tables."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.kit import machine, peers, screen, warden
from benchmarks.kit.budget import Budget, Overrun, Slot, limited
from benchmarks.kit.processes import Broken, Crew, tell
from benchmarks.kit.rounds import Benchmark, Column, Figures, Options, Spread, Subject, Table, Verdict, play
from benchmarks.schedule import FULL_MINUTES, NAMES, QUICK_MINUTES, SCHEDULE

ROOMY = Slot(quick=60, full=60, limit=30)


def bench(*subjects: Subject, rounds: int = 2) -> Benchmark:
    @contextmanager
    def given(options: Options) -> Iterator[list[Subject]]:
        yield list(subjects)

    return Benchmark("toy", "A toy", "", [Column("rate", "rate", "1/s")], given, lambda table: [], [], rounds=rounds)


def options(folder: Path, ends: float = float("inf")) -> Options:
    return Options(folder, say=lambda text: None, ends=ends)


def one() -> Figures:
    return {"rate": 1.0}


class Clock:
    """Told, not waited for."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_round_begins_only_when_the_budget_holds_it() -> None:
    clock = Clock()
    budget = Budget.start(40, 30, clock=clock)
    assert budget.holds(40)
    clock.now += 25
    assert budget.holds(15)
    assert not budget.holds(16)


def test_no_subject_may_run_beyond_the_end_of_the_whole_run() -> None:
    clock = Clock()
    budget = Budget.start(40, 30, ends=110.0, clock=clock)
    assert budget.limit() == 10
    assert not budget.holds(11)


def test_rounds_are_whole_or_not_at_all(tmp_path: Path) -> None:
    table = play(bench(Subject("a", one), Subject("b", one)), options(tmp_path), Slot(quick=0, full=0, limit=30))
    assert [len(rounds) for rounds in table.rows.values()] == [1, 1]
    assert table.rounds == "1 of 2; the time budget held no more"


def test_a_subject_that_hangs_is_stopped_and_named_and_the_others_run_on(tmp_path: Path) -> None:
    def hang() -> Figures:
        signal.pause()
        return {}

    slot = Slot(quick=60, full=60, limit=0.05)
    table = play(bench(Subject("stuck", hang), Subject("good", one)), options(tmp_path), slot)
    assert "not done within" in table.faults["stuck"]
    assert len(table.rows["good"]) == 2


def test_a_foreign_exception_breaks_its_subject_alone_and_says_its_kind(tmp_path: Path) -> None:
    def wrong() -> Figures:
        raise ConnectionError("the server is gone")

    table = play(bench(Subject("bad", wrong), Subject("good", one)), options(tmp_path), ROOMY)
    assert table.faults == {"bad": "ConnectionError: the server is gone"}
    assert len(table.rows["good"]) == 2


def test_a_preparation_that_fails_is_a_line_of_the_table_and_no_crash(tmp_path: Path) -> None:
    @contextmanager
    def given(options: Options) -> Iterator[list[Subject]]:
        raise Broken("no platform")
        yield []

    toy = Benchmark("toy", "A toy", "", [Column("rate", "rate", "1/s")], given, lambda table: [], [])
    table = play(toy, options(tmp_path), ROOMY)
    assert list(screen.lines(toy, table)) == [["toy", "broke: no platform", "0"]]


def test_without_time_left_in_the_whole_run_a_benchmark_says_so(tmp_path: Path) -> None:
    table = play(bench(Subject("a", one)), options(tmp_path, ends=time.monotonic() - 1), ROOMY)
    assert "no time was left" in table.faults["toy"]


def test_a_limit_leaves_no_timer_behind() -> None:
    with pytest.raises(Overrun), limited(0.01):
        signal.pause()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_subject_that_breaks_later_keeps_its_rounds_and_is_remarked_upon(tmp_path: Path) -> None:
    seen: list[int] = []

    def once() -> Figures:
        if seen:
            raise Broken("tired\nof it")
        seen.append(1)
        return one()

    toy = bench(Subject("a", once), rounds=3)
    table = play(toy, options(tmp_path), ROOMY)
    assert list(screen.lines(toy, table)) == [["a", "1.0", "1"]]
    assert "a broke in a later round: tired" in screen.remarks(toy, table)


def test_a_ratio_takes_only_the_rounds_that_both_sides_had() -> None:
    table = Table({"us": [{"rate": 10.0}, {"rate": 100.0}], "them": [{"rate": 5.0}]})
    assert table.ratio("us", "them", "rate") == Spread(2.0, 2.0, 2.0)


def test_a_ratio_to_nothing_is_none() -> None:
    table = Table({"us": [{"rate": 10.0}], "them": [{"rate": 0.0}]})
    assert table.ratio("us", "them", "rate") is None
    assert table.ratio("us", "nobody", "rate") is None


def test_a_heading_that_has_its_unit_does_not_get_it_twice() -> None:
    columns = [Column("a", "jobs/s", "1/s"), Column("b", "requests taken", "1/s"), Column("c", "jobs", "")]
    toy = Benchmark("toy", "", "", columns, bench().subjects, lambda table: [], [])
    assert screen.heads(toy) == ["", "jobs/s", "requests taken, 1/s", "jobs", "rounds"]


def test_figures_of_a_busy_machine_carry_a_warning() -> None:
    assert machine.busy({"load when it began": "1000.00"})
    assert not machine.busy({"load when it began": "0.10"})


def test_a_missed_goal_reads_so() -> None:
    verdict = Verdict("twice as fast", Spread(1.5, 1.25, 1.75), 2, at_least=True, note="than them")
    assert screen.sentence(verdict) == ("NOT met: 1.50 [1.25 to 1.75] x (than them); goal: at least 2 x: twice as fast")


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_can_judge_a_run_in_which_everybody_broke(name: str) -> None:
    found: Benchmark = importlib.import_module(f"benchmarks.{name}").BENCHMARK
    assert found.name == name
    assert all(verdict.met is None for verdict in found.judge(Table()))
    assert found.notes(Table()) == []
    keys = {column.key for column in found.columns}
    assert {chart.y for chart in found.charts} <= keys


def test_every_peer_has_its_script_its_requirements_and_a_name_of_its_own() -> None:
    assert len({peer.name for peer in peers.PEERS}) == len(peers.PEERS)
    for peer in peers.PEERS:
        assert (peers.SCRIPTS / f"{peer.script}.py").is_file()
        assert (peers.SCRIPTS / f"requirements-{peer.env}.txt").is_file()
    assert "?" not in machine.peers(peers.SCRIPTS, peers.packages())


def test_the_schedule_fits_into_the_minutes_that_are_promised() -> None:
    assert sum(slot.quick for slot in SCHEDULE.values()) <= QUICK_MINUTES * 60 < 5 * 60
    assert sum(slot.full for slot in SCHEDULE.values()) <= FULL_MINUTES * 60 < 25 * 60


def test_further_rounds_leave_the_benchmarks_after_it_their_time() -> None:
    clock = Clock()
    budget = Budget.start(40, 30, ends=clock.now + 100, clock=clock, later_s=70)
    assert budget.holds(30)
    assert not budget.holds(31)
    assert budget.limit() == 30


def test_the_warden_knows_what_is_left_over() -> None:
    assert warden.left_over(["+10", "+11", "-10", "+12"]) == {11, 12}


ORPHANING = """
import os, sys, signal, time
from pathlib import Path
from benchmarks.kit.processes import Crew
from benchmarks.kit.warden import ending_in_order
with ending_in_order(), Crew(Path(sys.argv[1])) as crew:
    print(crew.start("sleeper", ["sleep", "600"]).pid, flush=True)
    signal.pause()
"""


def _hear() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests in the background ignores it


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_benchmark_started_ends_with_it(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", ORPHANING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], preexec_fn=_hear) as bench:
        assert bench.stdout is not None
        sleeper = psutil.Process(int(bench.stdout.readline()))
        os.kill(bench.pid, number)
    sleeper.wait(timeout=20)


def test_a_command_that_fails_is_broken_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="no such luck"):
        tell([sys.executable, "-c", "raise SystemExit('no such luck')"], dict(os.environ), tmp_path)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child; wait"
    with pytest.raises(Broken, match="not done within"):
        tell(["sh", "-c", script], dict(os.environ), tmp_path, timeout_s=1.0)
    pid = int((tmp_path / "child").read_text())
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=20)


def test_signals_do_not_reach_into_a_child_as_blocked(tmp_path: Path) -> None:
    with Crew(tmp_path) as crew:
        process = crew.start("sleeper", ["sleep", "600"])
        process.terminate()
        assert process.wait(timeout=20) == -signal.SIGTERM
