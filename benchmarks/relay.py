"""relay: pipelines of four stages that do nothing. What is left is the engine's own cost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.kit import peers
from benchmarks.kit.drain import drain
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.ours import installation

OURS = "hintrelay, 2 workers of both queues"
A_QUEUE_EACH = "hintrelay, a worker a queue"
LAYOUTS = {
    OURS: [["platform,hints", "--concurrency", "1"]] * 2,
    A_QUEUE_EACH: [["platform"], ["hints", "--concurrency", "1"]],
}
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """Ours, the peers, the floor."""
    layouts = LAYOUTS if options.full else [OURS]
    ours = [Subject(name, partial(_ours, options, name)) for name in layouts]
    yield ours + [_peer(options, peer) for peer in _peers(options)]


def _peers(options: Options) -> list[peers.Peer]:
    wanted = [peer for peer in peers.PEERS if options.peers and (options.full or peer.quick)]
    for peer in wanted:
        peers.environment(peer.env, options.say)
    return wanted


def _peer(options: Options, peer: peers.Peer) -> Subject:
    count = options.count(peer.quick, peer.full)
    return Subject(peer.name, lambda: peers.run(peer, count, _folder(options), options.say))


def _folder(options: Options) -> Path:
    return options.folder / f"relay-{next(_rounds)}"


def _ours(options: Options, layout: str) -> Figures:
    count = options.count(1000, 2000)
    with installation(_folder(options)) as place:
        place.start_workers([[*words, "--road", "four"] for words in LAYOUTS[layout]])
        here = place.customer(four=True)

        def send(url: str, how_many: int) -> None:
            place.customer(four=True, url=url).submit(how_many)

        return drain(place.crew, send, here.succeeded, count, place.server)


def judge(table: Table) -> list[Verdict]:
    """The three goals of the relay."""
    rate = "pipelines_per_s"
    celery = table.best(peers.BARE_CELERY, rate) or peers.BARE_CELERY[0]
    others = [peer.name for peer in peers.PEERS if peer.name != peers.FLOOR]
    fastest = table.best(others, rate) or others[0]
    return [
        Verdict("3 x bare Celery chains, the fastest of them", table.ratio(OURS, celery, rate), 3, True, note=celery),
        Verdict("1.3 x the fastest peer", table.ratio(OURS, fastest, rate), 1.3, True, note=fastest),
        Verdict("0.35 of the floor", table.ratio(OURS, peers.FLOOR, rate), 0.35, True),
    ]


BENCHMARK = Benchmark(
    name="relay",
    title="Four stages that do nothing",
    about="Pipelines a second with a full queue, the CPU and the memory of the workers; Valkey's CPU apart.",
    columns=[
        Column("pipelines_per_s", "pipelines/s", "1/s", 0),
        Column("cpu_ms", "CPU a pipeline, workers", "ms", 2),
        Column("database_ms", "CPU a pipeline, Valkey", "ms", 2),
        Column("pss_mb", "memory (PSS)", "MB", 0),
        Column("processes", "processes, masters too", "", 0),
        Column("pipelines", "pipelines a round", "", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("pipelines_per_s", "Pipelines of four empty stages, two worker processes")],
)
