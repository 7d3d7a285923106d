"""Every unfinished job says in one sentence what it waits for."""

from typing import Any

import pytest

from common.job import Job
from common.states import FINISHED, JobState
from common.waiting import command_for, needs_a_person, waiting
from tests.jobs_made import START_MS

NOW = START_MS + 60_000


def job(state: JobState, facts: dict[str, Any] | None = None, **fields: Any) -> Job:
    base: dict[str, Any] = {"since": START_MS, "deadline": START_MS + 86_400_000, "facts": facts or {}}
    return Job("ab12cd34", state, **{**base, **fields})


def sentence(state: JobState, facts: dict[str, Any] | None = None, **fields: Any) -> str:
    text = waiting(job(state, facts, **fields), NOW)
    assert text
    assert "\n" not in text
    assert "None" not in text
    return text


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_a_finished_job_waits_for_nothing(state: JobState) -> None:
    assert waiting(job(state), NOW) is None


@pytest.mark.parametrize(
    ("state", "begins"),
    [
        (JobState.ACCEPTED, "waits for a worker of the queue hints to prepare, since "),
        (JobState.PREPARED, "waits for a worker of the queue platform to upload, since "),
        (JobState.UPLOADED, "waits for a worker of the queue platform to finetune, since "),
        (JobState.DEPLOYED, "waits for a worker of the queue hints to generate, since "),
        (JobState.GENERATED, "waits for a worker of the queue hints to evaluate, since "),
    ],
)
def test_a_resting_job_waits_for_a_worker_of_its_queue(state: JobState, begins: str) -> None:
    assert sentence(state).startswith(begins)


def test_a_job_in_training_waits_for_the_platform_and_says_how_far_it_is() -> None:
    assert sentence(JobState.TRAINING, {"run_id": "ft-1"}).startswith("trains on the platform (just started) since ")
    progress = {"epochs": 1, "epochs_total": 3, "queue_depth": 2, "next_state_at": 1_700_000_000}
    text = sentence(JobState.TRAINING, {"run_id": "ft-1", "status": "running", "progress": progress})
    assert "(running, epoch 1 of 3, 2 before it, next state about 14 Nov " in text
    assert ", until " in text


def test_a_trained_job_waits_for_a_person_with_the_exact_command() -> None:
    text = sentence(JobState.TRAINED, {"output_name": "acme/tuned"})
    assert text.startswith("waits for a deployment name since ")
    assert text.endswith(": hintrelay deploy ab12cd34 NAME")
    assert needs_a_person(job(JobState.TRAINED))
    assert command_for(job(JobState.TRAINED)) == "hintrelay deploy ab12cd34 NAME"


def test_a_trained_job_with_a_name_waits_for_a_worker_and_for_nobody() -> None:
    facts = {"deployment": "acme/ready"}
    assert sentence(JobState.TRAINED, facts).startswith("waits for a worker of the queue platform to deploy, since ")
    assert not needs_a_person(job(JobState.TRAINED, facts))
    assert not needs_a_person(job(JobState.TRAINED, wish="cancel"))
    assert not needs_a_person(job(JobState.TRAINING))


def test_a_name_that_did_not_answer_needs_a_person_and_says_what_the_platform_said() -> None:
    facts = {"deployment": "acme/mistyped", "refusal": "the platform answered 404"}
    refused = {"not_before": NOW + 5000, "snooze": "acme/mistyped does not answer: the platform answered 404"}
    text = sentence(JobState.TRAINED, facts, **refused)
    assert text.startswith(
        "deploy waits: acme/mistyped does not answer: the platform answered 404; it is asked again at "
    )
    assert text.endswith(": hintrelay deploy ab12cd34 NAME")
    assert needs_a_person(job(JobState.TRAINED, facts, **refused))


def test_a_job_that_looks_for_an_endpoint_says_so_and_a_person_may_help() -> None:
    facts = {"mode": "detect", "output_name": "acme/tuned"}
    text = sentence(JobState.TRAINED, facts, not_before=NOW + 5000, snooze="no endpoint serves acme/tuned yet")
    assert text.startswith("waits for an endpoint that serves acme/tuned, or a deployment name, since ")
    assert needs_a_person(job(JobState.TRAINED, facts))


def test_a_job_with_an_endpoint_of_its_own_waits_for_nobody() -> None:
    assert not needs_a_person(job(JobState.TRAINED, {"mode": "auto"}))
    waits = {"not_before": NOW + 5000, "snooze": "the platform gets its endpoint hr-1 ready (PROVISIONING)"}
    text = sentence(JobState.TRAINED, {"mode": "auto"}, **waits)
    assert text == "deploy waits: the platform gets its endpoint hr-1 ready (PROVISIONING)"


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_a_job_at_work_says_where_and_how_far(state: JobState) -> None:
    fields: dict[str, Any] = {"lease_until": NOW + 1, "stage": "generate", "owner": "w@h"}
    assert sentence(state, **fields) == "generate is at work on w@h"
    assert sentence(state, {"done": "3", "total": "12"}, **fields) == "generate is at work on w@h (3 of 12)"
    assert sentence(state, wish="cancel", **fields) == "generate is at work on w@h and is to be cancelled then"


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_a_job_that_is_wished_cancelled_waits_for_that(state: JobState) -> None:
    assert sentence(state, wish="cancel") == "waits for the next worker to cancel it"
    assert sentence(state, {"run_id": "ft-1"}, wish="cancel").endswith("its run on the platform too")


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_a_job_in_backoff_says_when_it_is_tried_again_and_why(state: JobState) -> None:
    text = sentence(state, attempt=2, not_before=NOW + 5000, snooze="attempt 1 of 5 failed: 503")
    assert " is tried again at " in text
    assert text.endswith(": attempt 1 of 5 failed: 503")


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_a_snoozing_job_says_what_it_waits_for(state: JobState) -> None:
    text = sentence(state, not_before=NOW + 5000, snooze="the platform validates the training file")
    assert text.endswith(" waits: the platform validates the training file")


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_a_job_given_back_for_a_while_without_a_word_still_says_so(state: JobState) -> None:
    assert not sentence(state, not_before=NOW + 5000, snooze="").endswith((" ", ":"))


def test_a_lease_that_ran_out_is_nobody_at_work() -> None:
    assert sentence(JobState.ACCEPTED, lease_until=NOW, stage="prepare", owner="w").startswith("waits for a worker")


@pytest.mark.parametrize("state", [state for state in JobState if state not in FINISHED])
def test_a_job_past_its_deadline_waits_to_be_ended(state: JobState) -> None:
    text = sentence(state, deadline=NOW, not_before=NOW + 5000, snooze="attempt 1 of 5 failed: 503")
    assert text.startswith("waits for the next worker to end it: its deadline was at ")
