"""hintrelay beside its peers: every figure from interleaved rounds on this machine, in one run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.kit import machine, peers, results, screen
from benchmarks.kit.processes import Broken
from benchmarks.kit.rounds import Benchmark, Options, play
from benchmarks.kit.warden import ending_in_order
from benchmarks.schedule import FULL_MINUTES, NAMES, QUICK_MINUTES, SCHEDULE
from common import logs
from common.settings import Settings

HERE = Path(__file__).resolve().parent


def main(argv: Sequence[str] | None = None) -> int:
    """0, also where a goal is missed: benchmarks inform. `--strict`: then 1."""
    args = _parser().parse_args(argv)
    console = Console(stderr=True)
    logs.configure(Settings(log_level="WARNING"))
    missed = 0
    with ending_in_order(), tempfile.TemporaryDirectory(prefix="hintrelay-bench-") as scratch:
        options = _options(args, Path(scratch), console)
        if args.envs or options.peers:
            broken = _make_environments(options)
        if args.envs:
            return 1 if broken else 0
        missed = _all(args, options, console)
    return 1 if args.strict and missed else 0


def _options(args: argparse.Namespace, scratch: Path, console: Console) -> Options:
    return Options(
        folder=scratch,
        say=lambda text: console.print(f"  {text}", style="dim", highlight=False),
        full=args.full,
        rounds=args.rounds,
        scale=args.scale,
        peers=not args.no_peers,
    )


def _make_environments(options: Options) -> int:
    """All of them ahead of the clock; one that cannot be made is a fault of its peer. How many those are."""
    broken = 0
    for name in sorted({peer.env for peer in peers.PEERS}):
        try:
            peers.environment(name, options.say)
        except Broken as exc:
            options.say(str(exc))
            broken += 1
    return broken


def _all(args: argparse.Namespace, options: Options, console: Console) -> int:
    """Every benchmark that was asked for, within the minutes; how many goals were missed."""
    mode = "full" if args.full else "quick"
    about = {**machine.describe(), "peers": machine.peers(peers.SCRIPTS, peers.packages()), "mode": mode}
    for name, value in about.items():
        console.print(f"{name}: {value}", highlight=False)
    if warning := machine.busy(about):
        console.print(warning, style="yellow", highlight=False)
    minutes = args.minutes or (FULL_MINUTES if args.full else QUICK_MINUTES)
    began, folder, missed = time.monotonic(), Path(args.out), 0
    options = replace(options, ends=began + minutes * 60)
    names = args.only or NAMES
    for place, name in enumerate(names, 1):
        later = sum(SCHEDULE[other].seconds(full=args.full) for other in names[place:])
        missed += _one(_load(name), replace(options, later_s=later), folder, about)
    console.print(f"{time.monotonic() - began:.0f} s in all; results are in {folder}", highlight=False)
    if args.page:
        results.write_page(HERE / "README.md", folder, NAMES)
    return missed


def _one(bench: Benchmark, options: Options, folder: Path, about: dict[str, str]) -> int:
    """Play, show and write one benchmark; how many goals it missed."""
    began = time.monotonic()
    table = play(bench, options, SCHEDULE[bench.name])
    verdicts = bench.judge(table)
    screen.show(Console(width=None if sys.stdout.isatty() else 190), bench, table, verdicts)
    load = f"{os.getloadavg()[0]:.2f}"
    took = {"load when it ended": load, "took": f"{time.monotonic() - began:.0f} s"}
    results.write(folder, bench, table, verdicts, {**about, **took})
    options.say(f"{bench.name} took {time.monotonic() - began:.0f} s; load now {load}")
    return sum(verdict.met is False for verdict in verdicts)


def _load(name: str) -> Benchmark:
    found: Benchmark = importlib.import_module(f"benchmarks.{name}").BENCHMARK
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}; else all")
    parser.add_argument("--full", action="store_true", help="all peers and the full counts, not the quick subset")
    parser.add_argument("--rounds", type=int, help="rounds of each benchmark, in place of its own number")
    parser.add_argument("--scale", type=float, default=1.0, help="counts times this; below 1 to try the benches out")
    parser.add_argument("--no-peers", action="store_true", help="hintrelay alone")
    parser.add_argument("--out", default=str(HERE / "results"), help="folder of JSON and plots")
    parser.add_argument("--page", action="store_true", help="put the results into benchmarks/README.md")
    parser.add_argument("--minutes", type=float, help=f"in all, not {QUICK_MINUTES:g} ({FULL_MINUTES:g} with --full)")
    parser.add_argument("--envs", action="store_true", help="make the peers' environments, and nothing else")
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a goal is missed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
