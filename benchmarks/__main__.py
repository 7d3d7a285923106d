"""hintrelay beside its peers: every figure from interleaved rounds on this machine, in one run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.kit import machine, results, screen
from benchmarks.kit.rounds import Benchmark, Options, play
from common import logs
from common.settings import Settings

HERE = Path(__file__).resolve().parent
NAMES = ("relay", "stages", "realistic", "waiting", "submit", "generation", "prepare", "idle")


def main(argv: Sequence[str] | None = None) -> int:
    """0, also where a goal is missed: benchmarks inform. `--strict`: then 1."""
    args = _parser().parse_args(argv)
    console = Console(stderr=True)
    logs.configure(Settings(log_level="WARNING"))
    about = machine.describe()
    for name, value in about.items():
        console.print(f"{name}: {value}", highlight=False)
    folder = Path(args.out)
    missed = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hintrelay-bench-") as scratch:
        options = Options(
            folder=Path(scratch),
            say=lambda text: console.print(f"  {text}", style="dim", highlight=False),
            full=args.full,
            rounds=args.rounds,
            scale=args.scale,
            peers=not args.no_peers,
        )
        for name in args.only or NAMES:
            missed += _one(_load(name), options, folder, about)
    console.print(f"{time.monotonic() - began:.0f} s in all; results are in {folder}", highlight=False)
    if args.page:
        results.write_page(HERE / "README.md", folder)
    return 1 if args.strict and missed else 0


def _one(bench: Benchmark, options: Options, folder: Path, about: dict[str, str]) -> int:
    """Play, show and write one benchmark; how many goals it missed."""
    began = time.monotonic()
    table = play(bench, options)
    verdicts = bench.judge(table)
    screen.show(Console(width=None if sys.stdout.isatty() else 190), bench, table, verdicts)
    results.write(folder, bench, table, verdicts, {**about, "seconds": f"{time.monotonic() - began:.0f}"})
    options.say(f"{bench.name} took {time.monotonic() - began:.0f} s; load now {os.getloadavg()[0]:.1f}")
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
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a goal is missed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
