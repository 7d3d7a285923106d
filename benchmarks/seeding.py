"""Jobs brought to a state by the store's own scripts, with the facts that real ones have there."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from benchmarks.kit.processes import Broken
from benchmarks.ours import Installation
from benchmarks.roads import plain_document, quick_ports
from common.drafts import NewJob
from common.spec import JobSpec
from common.states import ROAD, JobState
from common.store import Store
from worker.bootstrap import build
from worker.stopping import StopFlag

BATCH = 1000
LOOK_MS = 60_000


def bring(
    store: Store,
    count: int,
    state: JobState,
    *,
    spec: JobSpec | None = None,
    run_ids: Sequence[str] = (),
    prepared: Mapping[str, Any] | None = None,
) -> list[str]:
    """`count` new jobs in `state`; their ids. Job n trains by `run_ids[n]`; looks at them are spread over a minute.

    `prepared` is what a real `prepare` left, where the jobs are to go on from here.
    """
    ids: list[str] = []
    for start in range(0, count, BATCH):
        part = _create(store, min(BATCH, count - start), spec or JobSpec.parse(plain_document()))
        pipe = store.pipeline()
        for number, job_id in enumerate(part, start):
            facts = _facts(job_id, run_ids[number] if run_ids else f"ft-{job_id}", prepared)
            for origin, target in itertools.pairwise(ROAD[: ROAD.index(state) + 1]):
                look_ms = random.randrange(LOOK_MS)  # spreads looks
                store.move(job_id, origin, target, facts.get(target, {}), look_ms=look_ms, pipe=pipe)
        store.execute(pipe)
        ids += part
    return ids


def _create(store: Store, count: int, spec: JobSpec) -> list[str]:
    record = {"name": "bench", "spec": spec.dump(), "max_attempts": 5}
    jobs = [NewJob(digest=spec.digest(), deadline_ms=86_400_000, record=record) for _ in range(count)]
    return [one.job_id for one in store.create(jobs)]


def _facts(job_id: str, run_id: str, prepared: Mapping[str, Any] | None) -> dict[JobState, dict[str, Any]]:
    """What each stage leaves on the record."""
    pointer = {"sha256": job_id * 8, "size": 48_000}
    counts = {"train": 80, "test": 5, "skipped": 0}
    return {
        JobState.PREPARED: dict(prepared or {"training": pointer, "questions": pointer, "counts": counts}),
        JobState.UPLOADED: {"file_id": f"file-{job_id}-0000-4000-8000-000000000000"},
        JobState.TRAINING: {"run_id": run_id, "status": "running", "intent": None},
        JobState.TRAINED: {"status": "completed", "output_name": f"bench/{run_id}", "price": 4.0},
    }


def prepared_facts(place: Installation, spec: JobSpec) -> dict[str, Any]:
    """Run the real `prepare` once, in this process and in another database, where no worker takes part; its facts."""
    from producer.bootstrap import build as build_producer

    settings = replace(place.settings, redis_url=place.server.beside)
    producer = build_producer(settings)
    job_id = producer.submit(spec).id
    before = producer.store.get(job_id).facts
    build(settings, ["hints"], StopFlag(), quick_ports(settings, "real")).runner.run(job_id, "prepare")
    job = producer.store.get(job_id)
    if job.state is not JobState.PREPARED:
        raise Broken(f"prepare left the job {job.state}: {job.facts.get('error')}")
    return {name: value for name, value in job.facts.items() if value is not None and before.get(name) != value}
