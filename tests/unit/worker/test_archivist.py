"""Jobs that have ended: compact, then forgotten, and nothing of them left. Real store, runner and tick."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.bills import bill
from common.commands import Wanted
from common.errors import NotFound
from common.keys import Keys
from common.past import past
from common.purse import Purse
from common.states import JobState
from common.view import job_json
from tests.fakes.parts import make_spec
from tests.fakes.relay import Relay
from tests.invariants import assert_invariants
from worker import archivist
from worker.ports import RunStatus

DAY_S = 86_400.0
KEPT_DAYS = 90
USD = 1_000_000


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    relay = Relay(tmp_path)
    relay.keep_days(KEPT_DAYS)
    return relay


def succeeded(relay: Relay, **changes: object) -> str:
    """A job that went all the way, by a run of its own or a shared one."""
    job_id = relay.submit(**changes)
    relay.commands.register_deployment(job_id, f"acme/{job_id}")
    relay.drive()
    for run_id in relay.platform.kept():
        relay.platform.complete(run_id)
    relay.round()
    relay.round(after_s=20)
    assert relay.get(job_id).state is JobState.SUCCEEDED
    return job_id


def failed(relay: Relay) -> str:
    """A job whose run failed, with a message that is longer than what a small hash takes."""
    job_id = relay.submit()
    relay.drive()
    (run_id,) = relay.platform.kept()
    relay.platform.change(run_id, RunStatus.FAILED, "error", words="the loss is not a number any more, " * 5)
    relay.round()
    assert relay.get(job_id).state is JobState.FAILED
    return job_id


def gone(relay: Relay, job_id: str) -> bool:
    return not relay.redis.exists(Keys.job(job_id))


def expire(relay: Relay, days: float = KEPT_DAYS + 1) -> None:
    relay.tick(after_s=days * DAY_S)
    assert_invariants(relay.store)


def test_a_finished_job_is_kept_so_many_days_and_then_not_found(relay: Relay) -> None:
    job_id = succeeded(relay)
    relay.tick(after_s=(KEPT_DAYS - 1) * DAY_S)
    assert relay.store.resolve(job_id[:4]) == job_id
    expire(relay, days=1.1)
    for ref in (job_id, job_id[:4]):
        with pytest.raises(NotFound):
            relay.store.resolve(ref)
    assert "job_expired" in relay.types(job_id)


def test_an_unfinished_job_never_expires(relay: Relay) -> None:
    waits = relay.submit(limits__deadline="365d")
    relay.drive()
    expire(relay)
    assert relay.get(waits).state is JobState.TRAINING


def test_a_job_that_was_created_long_ago_is_kept_from_its_end_on(relay: Relay) -> None:
    job_id = relay.submit(limits__deadline="365d")
    relay.commands.register_deployment(job_id, "acme/late")
    relay.drive()
    relay.clock.sleep(100 * DAY_S)
    relay.platform.complete(relay.platform.kept()[0])
    relay.round()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    relay.tick(after_s=(KEPT_DAYS - 1) * DAY_S)
    assert not gone(relay, job_id)
    expire(relay, days=2)
    assert gone(relay, job_id)


def test_ends_that_an_older_hintrelay_indexed_by_creation_are_kept_from_their_end_on(relay: Relay) -> None:
    job_id = succeeded(relay)
    relay.redis.zadd(Keys.state(JobState.SUCCEEDED), {job_id: 1.0})
    relay.tick()
    assert not gone(relay, job_id)
    assert relay.redis.zscore(Keys.state(JobState.SUCCEEDED), job_id) == relay.get(job_id).since


def test_without_a_setting_nothing_expires(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = succeeded(relay)
    relay.tick(after_s=10_000 * DAY_S)
    assert not gone(relay, job_id)


def test_nothing_is_left_of_the_runs_that_a_job_had_before(relay: Relay) -> None:
    """Found by review: a run that ended badly stood for its job for ever, and one that the platform restarted."""
    job_id = failed(relay)
    relay.commands.retry(job_id)
    relay.drive()
    second = relay.get(job_id).run_id
    assert second is not None
    third = relay.platform.add_run(f"small-{job_id}")
    relay.platform.change(second, RunStatus.FAILED, "error", restarted_as=third)
    relay.round()
    assert relay.redis.hgetall(Keys.runs) == {third: job_id}
    relay.commands.register_deployment(job_id, "acme/third")
    relay.platform.complete(third)
    relay.round()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    expire(relay)
    assert gone(relay, job_id)


def test_nothing_of_an_expired_job_is_left_in_any_key(relay: Relay) -> None:
    wanted = [Wanted(make_spec())]
    job_id = relay.commands.submit(wanted, key="nightly-1", batch="nightly")[0].job_id
    relay.commands.register_deployment(job_id, "acme/nightly")
    relay.drive()
    relay.platform.complete(relay.platform.kept()[0])
    relay.round()
    relay.redis.zadd(Keys.held("nightly"), {job_id: 1})
    relay.redis.zadd(Keys.seekers, {job_id: 1})
    relay.redis.sadd(Keys.sharers(relay.get(job_id).facts["shares"]), job_id)
    relay.redis.sadd(Keys.eased, "nightly")
    relay.redis.hset(Keys.pieces(job_id), "a", "b")
    expire(relay)
    stays = {Keys.events, Keys.files}
    left = {key for key in relay.redis.scan_iter("*") if key not in stays and relay.redis.ttl(key) < 0}
    texts = {key: repr(_value(relay, key)) for key in left}
    assert not [key for key in left if job_id in key or job_id in texts[key]]
    assert not [
        key for key in left if "nightly" in texts[key] and key not in {Keys.budgets, Keys.past, Keys.turns("hints")}
    ]
    assert not list(relay.redis.scan_iter(Keys.spec("*")))
    again = relay.commands.submit(wanted, key="nightly-1", batch="nightly")[0]
    assert again.created
    assert again.job_id != job_id


def _value(relay: Relay, key: str) -> object:
    read = {
        "hash": relay.redis.hgetall,
        "string": relay.redis.get,
        "set": relay.redis.smembers,
        "zset": lambda name: relay.redis.zrange(name, 0, -1),
    }
    return read[relay.redis.type(key)](key)


def test_a_batch_goes_with_its_last_job_and_a_spec_with_the_last_that_names_it(relay: Relay) -> None:
    specs = [make_spec(dataset__seed=seed, limits__deadline="365d") for seed in range(3)]
    jobs = [one.job_id for one in relay.commands.submit([Wanted(spec) for spec in specs], batch="sweep")]
    for job_id in jobs[:2]:
        relay.commands.cancel(job_id)
    relay.drive()
    expire(relay)
    assert relay.store.batch("sweep") == [jobs[2]]
    assert relay.get(jobs[2]).spec.dataset.seed == 2
    relay.commands.cancel(jobs[2])
    relay.round()
    expire(relay)
    assert relay.store.batches() == []
    assert not list(relay.redis.scan_iter(Keys.spec("*")))


def test_a_run_passes_to_an_heir_so_that_an_equal_job_shares_it_still(relay: Relay) -> None:
    payer = succeeded(relay)
    relay.clock.sleep(50 * DAY_S)
    heir = succeeded(relay)
    assert relay.get(heir).facts["payer"] == payer
    expire(relay, days=45)
    assert (gone(relay, payer), gone(relay, heir)) == (True, False)
    (owner,) = relay.redis.hgetall(Keys.payers).values()
    assert owner == heir
    later = succeeded(relay)
    assert len(relay.platform.run_by_id) == 1
    assert relay.get(later).facts["payer"] == heir


def test_a_run_that_no_job_is_left_of_is_forgotten_and_an_equal_job_pays_for_its_own(relay: Relay) -> None:
    succeeded(relay)
    expire(relay)
    assert not relay.redis.hgetall(Keys.payers)
    assert not relay.redis.hgetall(Keys.runs)
    later = succeeded(relay)
    assert len(relay.platform.run_by_id) == 2
    assert relay.get(later).facts.get("payer") is None
    assert_invariants(relay.store)


def test_who_waits_for_a_payer_that_failed_and_expired_pays_itself(relay: Relay) -> None:
    failed(relay)
    waits = relay.submit()
    expire(relay)
    relay.drive()
    relay.round()
    assert relay.get(waits).state in {JobState.TRAINING, JobState.FAILED}
    assert_invariants(relay.store)


def test_money_that_is_set_aside_is_settled_before_the_job_goes(relay: Relay) -> None:
    purse = Purse.beside(relay.store)
    purse.allow("sweep", 5 * USD)
    job_id = relay.commands.submit([Wanted(make_spec())], batch="sweep")[0].job_id
    relay.drive()
    assert purse.budget("sweep").reserved == USD
    relay.platform.change(relay.platform.kept()[0], RunStatus.FAILED, "error", words="no")
    relay.round()
    record = Keys.job(job_id)
    relay.redis.hset(record, mapping={"reserved": str(USD), "settled": ""})  # as if the tick that settles had died
    relay.redis.hset(Keys.budgets, mapping={"reserved sweep": USD, "spent sweep": 0})
    relay.redis.hdel(record, "spent", "spent_by")
    expire(relay)
    assert gone(relay, job_id)
    found = purse.budget("sweep")
    assert (found.limit, found.reserved) == (5 * USD, 0)
    assert found.spent == sum(one.bill.training for one in past(relay.store, "sweep"))


def test_what_expired_jobs_have_cost_is_kept_by_day_batch_and_model(relay: Relay) -> None:
    first, second = succeeded(relay), succeeded(relay, dataset__seed=9)
    bills = bill(relay.get(first)) + bill(relay.get(second))
    assert bills.training
    expire(relay)
    found = past(relay.store)
    assert sum((one.bill for one in found[1:]), found[0].bill) == bills
    assert {one.model for one in found} == {make_spec().finetune.model}


def test_an_open_endpoint_keeps_its_job(relay: Relay) -> None:
    job_id = succeeded(relay)
    relay.redis.hset(Keys.endpoints_open, job_id, "hr-open")
    relay.tick(after_s=100 * DAY_S)
    assert not gone(relay, job_id)
    relay.redis.delete(Keys.endpoints_open)
    relay.redis.hset(Keys.job(job_id), "bound_endpoint", "0")  # one that it pays for with others
    relay.tick(after_s=DAY_S)
    assert not gone(relay, job_id)
    relay.redis.hdel(Keys.job(job_id), "bound_endpoint")
    expire(relay, days=0.1)
    assert gone(relay, job_id)


def test_closed_endpoints_go_once_no_job_of_theirs_is_left(relay: Relay) -> None:
    job_id = succeeded(relay)
    old = {"name": "hr-x", "state": "closed", "jobs": job_id}
    relay.redis.hset(Keys.endpoint("hr-x"), mapping=old)
    relay.redis.zadd(Keys.endpoints_closed, {"hr-x": 1})
    relay.tick()
    assert relay.redis.exists(Keys.endpoint("hr-x"))
    expire(relay)
    assert not relay.redis.exists(Keys.endpoint("hr-x"))
    assert not relay.redis.exists(Keys.endpoints_closed)


def test_no_tick_does_more_than_its_share(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivist, "EXPIRED", 2)
    monkeypatch.setattr(archivist, "COMPACTED", 2)
    specs = [Wanted(make_spec(dataset__seed=seed)) for seed in range(5)]
    jobs = [one.job_id for one in relay.commands.submit(specs, batch="sweep")]
    for job_id in jobs:
        relay.commands.cancel(job_id)
    relay.tick(after_s=100 * DAY_S)
    assert sum(gone(relay, job_id) for job_id in jobs) == 2
    assert_invariants(relay.store)
    for _ in range(3):
        relay.tick()
    assert relay.store.ids() == []


@pytest.mark.parametrize("odd", [{"v": "99"}, {"spent": "much"}, {"packed": "3"}])
def test_a_record_that_cannot_be_read_keeps_neither_the_tick_nor_the_others(relay: Relay, odd: dict[str, str]) -> None:
    bad, good = succeeded(relay), succeeded(relay)
    relay.redis.hset(Keys.job(bad), mapping=odd)
    relay.redis.delete(Keys.archived)
    relay.tick(after_s=100 * DAY_S)
    assert (gone(relay, bad), gone(relay, good)) == (False, True)
    waits = relay.submit()
    relay.round(after_s=60)
    assert relay.get(waits).state is not JobState.ACCEPTED


# ---- the compact form ----


def test_a_compact_job_looks_as_it_did_and_takes_less_memory(relay: Relay) -> None:
    job_id = succeeded(relay, name="a name of more than sixty-four characters, as people like to have them at times")
    relay.redis.delete(Keys.archived)
    before, fields = job_json(relay.get(job_id)), relay.redis.hgetall(Keys.job(job_id))
    relay.tick()
    compact = relay.redis.hgetall(Keys.job(job_id))
    assert job_json(relay.get(job_id)) == before
    assert [job_json(job) for job in relay.store.many([job_id])] == [_listed(before)]
    assert compact["v"] == "3"
    assert len(fields) >= len(compact)
    assert not {"owner", "stage", "snooze", "not_before"} & compact.keys()


def _listed(whole: dict[str, object]) -> dict[str, object]:
    """As in a list: without what only `show` has."""
    return {
        name: value for name, value in whole.items() if name not in {"spec", "counts", "training", "hints", "results"}
    }


def test_a_job_that_ends_in_the_ms_of_a_look_becomes_compact_too(relay: Relay) -> None:
    """Found by review: the next look began behind that ms, and never came back to it."""
    jobs = [relay.submit(fresh=True) for _ in range(2)]
    for job_id in jobs:
        relay.store.move(job_id, JobState.ACCEPTED, JobState.FAILED, {"error": {"code": "x"}})
        relay.tick(after_s=0)
    relay.tick()
    for job_id in jobs:
        assert "not_before" not in relay.redis.hgetall(Keys.job(job_id))


def test_a_compact_failed_job_is_taken_up_again_and_succeeds(relay: Relay) -> None:
    job_id = failed(relay)
    error = relay.get(job_id).error
    relay.tick()
    assert relay.redis.hget(Keys.job(job_id), "packed")
    assert relay.get(job_id).error == error
    relay.commands.retry(job_id)
    assert relay.get(job_id).error is None
    relay.commands.register_deployment(job_id, "acme/again")
    relay.drive()
    for run_id in relay.platform.kept():
        relay.platform.complete(run_id)
    relay.round()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    relay.tick()
    assert relay.get(job_id).error is None
    assert relay.get(job_id).facts["scores"]
    assert_invariants(relay.store)


def test_a_compact_record_is_left_alone_by_the_next_ticks(relay: Relay) -> None:
    job_id = succeeded(relay)
    relay.tick()
    record = relay.redis.hgetall(Keys.job(job_id))
    relay.redis.delete(Keys.archived)
    relay.tick()
    assert relay.redis.hgetall(Keys.job(job_id)) == record
