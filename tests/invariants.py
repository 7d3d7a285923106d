"""What must hold of the job store after every step."""

from __future__ import annotations

from collections import defaultdict

from common.endpoints import Entry, EntryState
from common.events import Event
from common.keys import Keys
from common.ledger import Ledger
from common.pipeline import queue_of
from common.states import FINISHED, MOVES, JobState
from common.store import Store


def assert_invariants(store: Store) -> None:
    """Every unfinished job is due, no finished one; each is in one index; its events are moves of the table; nothing
    is left of one that expired."""
    jobs = {job_id: store.get(job_id) for job_id in store.ids()}
    due = set(store.client.zrange(Keys.due, 0, -1))
    assert due == {job.id for job in jobs.values() if not job.finished}
    for queue, line in store.waiting(10_000).items():
        for job in (jobs[job_id] for job_id in line):
            assert queue_of(job.state) == queue, f"{job} does not stand in line for {queue}"
    indexed: dict[str, list[JobState]] = defaultdict(list)
    for state in JobState:
        for job_id in store.ids(state):
            indexed[job_id].append(state)
    assert indexed == {job.id: [job.state] for job in jobs.values()}
    reached = _replayed(store)
    assert reached == {job.id: job.state for job in jobs.values()}
    for job in jobs.values():
        assert not (job.finished and (job.wish or job.lease_until)), job
    assert _mentioned(store) <= jobs.keys(), "something is left of a job that there is not"
    assert _batches(store) == {job.batch for job in jobs.values() if job.batch}


def _mentioned(store: Store) -> set[str]:
    """The ids that indexes and side keys hold."""
    client = store.client
    found = set(client.smembers(Keys.unsettled)) | set(client.zrange(Keys.seekers, 0, -1))
    found |= set(client.zrange(Keys.joined, 0, -1))
    found |= set(client.zrange(Keys.slots, 0, -1)) | set(client.hgetall(Keys.payers).values())
    found |= {place.rpartition(":")[2] for place in client.zrange(Keys.slot_line, 0, -1)}
    found |= {job_id for ids in client.hgetall(Keys.runs).values() for job_id in ids.split()}
    found |= {owner.split()[0] for owner in client.hgetall(Keys.idempotency).values()}
    for key in client.scan_iter(f"{Keys.held('')}*"):
        found |= set(client.zrange(key, 0, -1))
    for prefix in (Keys.ids(""), Keys.sharers("")):
        found |= {job_id for key in client.scan_iter(f"{prefix}*") for job_id in client.smembers(key)}
    for prefix in (Keys.job(""), Keys.pieces("")):
        found |= {key.removeprefix(prefix) for key in client.scan_iter(f"{prefix}*")}
    return found


def _batches(store: Store) -> set[str]:
    """Those that are listed; each has an index."""
    listed = set(store.client.zrange(Keys.batches, 0, -1))
    assert listed == {key.removeprefix(Keys.batch("")) for key in store.client.scan_iter(f"{Keys.batch('')}*")}
    return listed


def assert_ledger(store: Store, ledger: Ledger) -> None:
    """Each entry is where its state says; each need has one open entry; what may run has a deadline and a price."""
    wanted, running, closed = ledger.wanted(10_000), ledger.running(), ledger.closed()
    assert {one.state for one in wanted} <= {EntryState.WANTED}
    assert {one.state for one in running} <= {EntryState.STARTING, EntryState.RUNNING, EntryState.STOPPING}
    assert {one.state for one in closed} <= {EntryState.CLOSED}
    names = [one.name for one in (*wanted, *running, *closed)]
    assert len(names) == len(set(names))
    unfinished: dict[str, Entry] = {one.need: one for one in (*wanted, *running) if one.need}
    assert {need: one.name for need, one in unfinished.items()} == store.client.hgetall(Keys.endpoints_open)
    for one in running:
        assert one.until
        assert not one.need or one.price is not None, one
    for one in closed:
        assert one.minutes is not None
        assert one.why


def _replayed(store: Store) -> dict[str, str]:
    """Where each job's events lead, each move checked against the table."""
    states: dict[str, str] = {}
    for entry_id, fields in store.client.xrange(Keys.events):
        event = Event.from_entry(entry_id, fields)
        if event.type == "job_accepted":
            assert event.job not in states
        elif event.to:
            assert event.origin == states[event.job]
            assert states[event.job] == JobState.FAILED or states[event.job] not in FINISHED
            assert MOVES[JobState(event.origin), JobState(event.to)] == event.type
        if event.to:
            states[event.job] = event.to
        elif event.type == "job_expired":
            assert states.pop(event.job) == event.origin
            assert event.origin in FINISHED
    return states
