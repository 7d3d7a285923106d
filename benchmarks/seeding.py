"""Jobs brought to a state by the store's own scripts, with the facts that real ones have there."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from benchmarks.kit.processes import Broken
from benchmarks.ours import Installation
from benchmarks.roads import plain_document, quick_ports
from common.archive import Archive
from common.drafts import NewJob
from common.keys import Keys
from common.spec import JobSpec
from common.states import ROAD, JobState
from common.store import Store
from worker.bootstrap import build
from worker.stopping import StopFlag

BATCH = 1000
LOOK_MS = 60_000
NAME = "wikihint-lr-3f9a01"
TOLD = {"counts", "file_id", "run_id", "output_name"}  #: facts that events tell


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
    ids = _create(store, count, spec or JobSpec.parse(plain_document()))  # in one call, which draws no id twice
    for start in range(0, count, BATCH):
        part = ids[start : start + BATCH]
        pipe = store.pipeline()
        for number, job_id in enumerate(part, start):
            facts = _facts(job_id, run_ids[number] if run_ids else f"ft-{job_id}", prepared)
            for origin, target in itertools.pairwise(ROAD[: ROAD.index(state) + 1]):
                look_ms = random.randrange(LOOK_MS)  # spreads looks
                told = {name: value for name, value in facts.get(target, {}).items() if name in TOLD}
                store.move(job_id, origin, target, facts.get(target, {}), look_ms=look_ms, data=told, pipe=pipe)
            _observed(store, pipe, job_id, facts, state)
        store.execute(pipe)
    return ids


#: copies a record to many ids. KEYS 1 record  2 jobs  3 index of its state; ARGV 1 its id  2 created  3 ended  4... ids
COPY = """
local fields = redis.call('HGETALL', KEYS[1])
for i = 4, #ARGV do
  local own = {}
  for at, text in ipairs(fields) do own[at] = string.gsub(text, ARGV[1], ARGV[i]) end
  redis.call('HSET', 'hintrelay:job:' .. ARGV[i], unpack(own))
  redis.call('ZADD', KEYS[2], ARGV[2], ARGV[i])
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[i])
  redis.call('SADD', 'hintrelay:ids:' .. string.sub(ARGV[i], 1, 3), ARGV[i])
end
"""


def fill(store: Store, count: int, state: JobState) -> list[str]:
    """`count` finished jobs, as ticks leave them: one that went the whole road, made compact, and copies of it."""
    (first,) = bring(store, 1, state)
    Archive.beside(store).compact(state, [first])
    record = store.client.hgetall(Keys.job(first))
    ids = [job_id for job_id in itertools.islice(_ids(), count) if job_id != first]
    keys = [Keys.job(first), Keys.jobs, Keys.state(state)]
    for start in range(0, len(ids), BATCH):
        head = [first, record["created"], record["since"]]
        store.client.eval(COPY, len(keys), *keys, *head, *ids[start : start + BATCH])
    store.client.hset(Keys.archived, state, record["since"])
    return [first, *ids]


def _ids() -> Iterator[str]:
    """Ids as they are drawn, none twice."""
    drawn: set[str] = set()
    chance = random.Random(7)
    while True:
        job_id = f"{chance.getrandbits(32):08x}"
        if job_id not in drawn:
            drawn.add(job_id)
            yield job_id


def _create(store: Store, count: int, spec: JobSpec) -> list[str]:
    data = {"sha256": "5d41" * 16, "size": 48_000}
    record = {"name": "wikihint-lr1e-05", "spec": spec.dump(), "data": data}
    jobs = [NewJob(digest=spec.digest(), deadline_ms=86_400_000, record=record, batch=NAME) for _ in range(count)]
    return [one.job_id for one in store.create(jobs)]


def _observed(
    store: Store, pipe: Any, job_id: str, facts: Mapping[JobState, Mapping[str, Any]], state: JobState
) -> None:
    """What else a real run leaves: who pays for it, and the platform's first change of status."""
    if ROAD.index(state) < ROAD.index(JobState.TRAINING):
        return
    training = facts[JobState.TRAINING]
    pipe.hset(Keys.payers, training["shares"], job_id)
    if state is JobState.TRAINING:
        said = {"status": "running", "progress": {"epochs": 1, "epochs_total": 3, "next_state_at": 1_795_384_321}}
        event: Any = {"event": "run_status_changed", "data": {"status": "running"}}
        store.note(job_id, said, run_id=training["run_id"], pipe=pipe, **event)


def _facts(job_id: str, run_id: str, prepared: Mapping[str, Any] | None) -> dict[JobState, dict[str, Any]]:
    """What each stage leaves on the record."""
    pointer = {"sha256": job_id * 8, "size": 48_000}
    counts = {"train_rows": 80, "test_questions": 5, "dropped_no_hints": 1}
    money = {"estimate": 4_000_000, "estimate_by": "platform", "reserved": 4_000_000, "paid": 1_795_380_000}
    return {
        JobState.PREPARED: dict(prepared or {"training": pointer, "questions": pointer, "counts": counts}),
        JobState.UPLOADED: {"file_id": f"file-{job_id}-0000-4000-8000-000000000000"},
        JobState.TRAINING: {"run_id": run_id, "status": "pending", "intent": None, "shares": job_id * 4, **money},
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
