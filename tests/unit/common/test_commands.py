"""submit, register_deployment, cancel and retry: what people get, and what is sent."""

from typing import Any

import pytest

from common import changes
from common.commands import SENT_AT_ONCE, Commands, Wanted
from common.errors import Conflict, InvalidSpec, NotFound, Unreachable
from common.job import Job, Pointer
from common.keys import QUEUE_HINTS, Keys
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import START_MS, MovableClock, RecordingNudger, claimed, in_state, made, spec


@pytest.fixture
def nudger() -> RecordingNudger:
    return RecordingNudger()


@pytest.fixture
def commands(any_store: Store, nudger: RecordingNudger) -> Commands:
    return Commands(any_store, nudger)


def test_a_submitted_job_is_stored_and_its_first_chain_sent(
    commands: Commands, any_store: Store, nudger: RecordingNudger
) -> None:
    pointer = Pointer("ab" * 32, 7)
    (stored,) = commands.submit([Wanted(spec(limits={"deadline": "2h", "max_attempts": 4}), pointer)])
    job = any_store.get(stored.job_id)
    assert nudger.sent == [(stored.job_id, ["prepare", "upload", "finetune"])]
    assert (job.name, job.max_attempts, job.deadline) == ("hints", 4, START_MS + 2 * 3_600_000)
    assert job.pointer("data") == pointer
    assert_invariants(any_store)


def test_no_broker_is_no_failure_of_a_submit(commands: Commands, any_store: Store, nudger: RecordingNudger) -> None:
    nudger.down = True
    (stored,) = commands.submit([Wanted(spec())])
    assert stored.created
    assert commands.nudge_lost is not None
    assert_invariants(any_store)


def test_a_key_makes_a_second_submit_find_the_first_job_and_send_nothing(
    commands: Commands, nudger: RecordingNudger
) -> None:
    (first,), (again,) = (commands.submit([Wanted(spec())], "nightly") for _ in range(2))
    assert (again.job_id, again.created) == (first.job_id, False)
    assert len(nudger.sent) == 1


def test_a_key_with_another_spec_or_other_data_is_a_conflict(commands: Commands, any_store: Store) -> None:
    commands.submit([Wanted(spec(), Pointer("ab" * 32, 7))], "nightly")
    for other in (Wanted(spec(name="x"), Pointer("ab" * 32, 7)), Wanted(spec(), Pointer("cd" * 32, 7))):
        with pytest.raises(Conflict, match="the key 'nightly' belongs to job"):
            commands.submit([other], "nightly")
    assert len(any_store.ids()) == 1


def test_several_specs_under_one_key_are_one_job_each(commands: Commands) -> None:
    wanted = [Wanted(spec(finetune={"n_epochs": n})) for n in (1, 2)]
    first = commands.submit(wanted, "sweep")
    more = commands.submit([*wanted, Wanted(spec(finetune={"n_epochs": 3}))], "sweep")
    assert [one.job_id for one in more[:2]] == [one.job_id for one in first]
    assert [one.created for one in more] == [False, False, True]


def test_a_key_that_made_a_sweep_makes_no_other_one(commands: Commands, any_store: Store) -> None:
    """Found by a stranger: `--set` on a second submit under the key made, and would have paid for, a second sweep."""
    commands.submit([Wanted(spec(finetune={"n_epochs": n})) for n in (1, 2)], "sweep")
    for other in ([3, 4], [1, 3], [2, 1], [3]):
        with pytest.raises(Conflict, match=r"'sweep(/[12])?' belongs to job"):
            commands.submit([Wanted(spec(finetune={"n_epochs": n})) for n in other], "sweep")
    assert len(any_store.ids()) == 2


@pytest.mark.parametrize("key", ["", "k" * 201, "a\nb"])
def test_a_key_that_is_none_is_refused(commands: Commands, any_store: Store, key: str) -> None:
    with pytest.raises(InvalidSpec, match="--key: a key is 1 to 200 printable characters"):
        commands.submit([Wanted(spec())], key)
    assert any_store.ids() == []


def test_of_very_many_jobs_the_first_are_sent_and_all_stand_in_line(store: Store, nudger: RecordingNudger) -> None:
    stored = Commands(store, nudger).submit([Wanted(spec())] * (SENT_AT_ONCE + 2))
    assert [job_id for job_id, _ in nudger.sent] == [one.job_id for one in stored[:SENT_AT_ONCE]]
    assert store.client.zrange(Keys.line(QUEUE_HINTS), 0, -1) == [one.job_id for one in stored]


def test_a_name_is_registered_by_the_beginning_of_an_id(commands: Commands, any_store: Store) -> None:
    job_id = made(any_store)
    assert commands.register_deployment(job_id[:4], "acme/tuned-1").deployment == "acme/tuned-1"


@pytest.mark.parametrize("name", ["", "-x", "a b", "ä", "x" * 201, "a\n"])
def test_a_name_that_is_none_is_refused(commands: Commands, any_store: Store, name: str) -> None:
    with pytest.raises(InvalidSpec, match="NAME: a deployment name is 1 to 200 of letters"):
        commands.register_deployment(made(any_store), name)


def test_a_name_that_comes_too_late_is_a_conflict(commands: Commands, any_store: Store) -> None:
    used = in_state(any_store, JobState.DEPLOYED, deployment="acme/one")
    with pytest.raises(Conflict, match="generates under the name acme/one already"):
        commands.register_deployment(used, "acme/two")
    with pytest.raises(Conflict, match="is succeeded: it needs no deployment name any more"):
        commands.register_deployment(in_state(any_store, JobState.SUCCEEDED), "acme/two")
    with pytest.raises(NotFound):
        commands.register_deployment("ffffffff", "acme/two")


@pytest.mark.parametrize("state", [JobState.ACCEPTED, JobState.PREPARED, JobState.UPLOADED])
def test_a_job_for_which_nothing_was_paid_is_cancelled_at_once(
    commands: Commands, any_store: Store, nudger: RecordingNudger, state: JobState
) -> None:
    job = commands.cancel(in_state(any_store, state))
    assert job.state is JobState.CANCELLED
    assert nudger.sent == []
    assert_invariants(any_store)


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        (JobState.UPLOADED, {"intent": 1}),
        (JobState.TRAINING, {}),
        (JobState.TRAINED, {}),
        (JobState.DEPLOYED, {}),
        (JobState.GENERATED, {}),
    ],
)
def test_a_job_that_was_paid_for_is_cancelled_by_a_worker(
    commands: Commands, any_store: Store, nudger: RecordingNudger, state: JobState, facts: dict[str, object]
) -> None:
    job = commands.cancel(in_state(any_store, state, **facts))
    assert (job.state, job.wish) == (state, "cancel")
    assert nudger.sent == [(job.id, ["cancel"])]
    assert_invariants(any_store)


def test_a_job_at_work_is_cancelled_by_its_holder(
    commands: Commands, any_store: Store, nudger: RecordingNudger
) -> None:
    job_id = made(any_store)
    claimed(any_store, job_id)
    assert commands.cancel(job_id).wish == "cancel"
    assert nudger.sent == []


def test_a_second_cancel_is_fine_also_of_a_cancelled_job(commands: Commands, any_store: Store) -> None:
    job_id = in_state(any_store, JobState.TRAINED)
    assert commands.cancel(job_id).rev == commands.cancel(job_id).rev
    done = made(any_store)
    assert [commands.cancel(done).state for _ in range(2)] == [JobState.CANCELLED] * 2


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
def test_an_ended_job_cannot_be_cancelled(commands: Commands, any_store: Store, state: JobState) -> None:
    with pytest.raises(Conflict, match=f"is {state}: there is nothing to cancel"):
        commands.cancel(in_state(any_store, state))


@pytest.mark.parametrize(
    ("resume", "chain"),
    [
        (None, ["prepare", "upload", "finetune"]),
        (JobState.UPLOADED, ["finetune"]),
        (JobState.DEPLOYED, ["generate", "evaluate"]),
        (JobState.TRAINED, None),
    ],
)
def test_a_failed_job_goes_on_from_the_stage_that_failed_with_a_new_deadline(
    commands: Commands,
    any_store: Store,
    nudger: RecordingNudger,
    clock: MovableClock,
    resume: JobState | None,
    chain: list[str] | None,
) -> None:
    job_id = in_state(any_store, JobState.FAILED, resume=resume, error={"code": "x"}, file_id="file-1")
    clock.forward(10**9)
    job = commands.retry(job_id)
    assert (job.state, job.attempt, job.error) == (resume or JobState.ACCEPTED, 1, None)
    assert job.facts == {"file_id": "file-1"}
    assert job.deadline > clock.ms
    assert nudger.sent == ([(job_id, chain)] if chain else [])
    assert_invariants(any_store)


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.FAILED])
def test_only_a_failed_job_can_be_retried(commands: Commands, any_store: Store, state: JobState) -> None:
    with pytest.raises(Conflict, match=f"is {state}: only a failed job can be retried"):
        commands.retry(in_state(any_store, state))


def test_many_are_changed_and_each_has_its_answer_in_their_order(
    commands: Commands, any_store: Store, nudger: RecordingNudger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "AT_ONCE", 2)
    new, trains, done = made(any_store), in_state(any_store, JobState.TRAINING), in_state(any_store, JobState.SUCCEEDED)
    failed, newer = in_state(any_store, JobState.FAILED, resume="uploaded"), in_state(any_store, JobState.FAILED)
    any_store.client.hset(Keys.job(newer), "v", "99")
    ids = [done, new, newer, "ffffffff", trains, failed]
    told = [answer.state if isinstance(answer, Job) else answer.code for answer in commands.retry_all(ids)]
    assert told == ["conflict", "conflict", "unknown_version", "not_found", "conflict", JobState.UPLOADED]
    assert nudger.sent == [(failed, ["finetune"])]
    told = [answer.state if isinstance(answer, Job) else answer.code for answer in commands.cancel_all(ids)]
    assert told == [
        "conflict",
        JobState.CANCELLED,
        "conflict",
        "not_found",
        JobState.TRAINING,
        JobState.CANCELLED,
    ]
    assert nudger.sent[1:] == [(trains, ["cancel"])]


def test_who_ended_while_redis_was_away_is_told_of_and_the_others_are_tried(
    commands: Commands, any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "AT_ONCE", 1)
    first, second = made(any_store), made(any_store)
    wish = any_store.wish

    def away(job_id: str, pipe: Any = None) -> list[str]:
        if job_id == first:
            raise Unreachable("Redis is away")
        return wish(job_id, pipe)

    monkeypatch.setattr(any_store, "wish", away)
    lost, cancelled = commands.cancel_all([first, second])
    assert isinstance(lost, Unreachable)
    assert isinstance(cancelled, Job)
    assert cancelled.state is JobState.CANCELLED
