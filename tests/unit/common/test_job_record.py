"""A job's record: what is written is what is read, also years later."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import UnknownVersion
from common.job import JSON_FIELDS, LISTED, RECORD_VERSION, Job, Pointer, encode, iso
from common.states import JobState
from common.view import job_json
from tests.jobs_made import START_MS, document

GOLDEN = json.loads((Path(__file__).parent / "golden" / "record-v1.json").read_text("utf-8"))
CONTRACT = {"job", "name", "state", "created", "attempt", "waiting", "spec", "platform", "deployment", "error",
            "created_at", "updated_at"}  # fmt: skip
PLATFORM = {"file_id", "run_id", "output_name", "status", "progress", "endpoint_id"}


def record(**fields: Any) -> dict[str, str]:
    pairs = encode({"id": "ab12cd34", "v": 1, "state": "accepted", "created": START_MS, **fields})
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def test_facts_come_back_as_they_went() -> None:
    facts = {"error": {"code": "x", "message": "ä\n"}, "counts": {"a": 1}, "run_id": "ft-1", "spent_runs": ["a"]}
    assert Job.from_record(record(**facts)).facts == facts


def test_none_clears_a_fact() -> None:
    assert encode({"error": None, "run_id": None}) == ["error", "", "run_id", ""]
    assert Job.from_record(record(error=None, run_id=None)).facts == {}


@pytest.mark.parametrize("field", sorted(JSON_FIELDS - {"spec"}))
def test_a_json_field_keeps_empty_values_apart_from_none(field: str) -> None:
    empty: list[Any] = [{}, [], 0, False, ""]
    for value in empty:
        assert Job.from_record(record(**{field: value})).facts[field] == value


def test_a_record_of_a_newer_hintrelay_is_refused_with_what_to_do() -> None:
    with pytest.raises(UnknownVersion, match=rf"job ab12cd34 .*version 4, this one reads {RECORD_VERSION}\): upgrade"):
        Job.from_record(record(v=4))


def test_a_record_of_the_first_release_can_be_read_for_ever() -> None:
    job = Job.from_record(GOLDEN)
    assert (job.id, job.state, job.attempt, job.crashes, job.max_attempts) == ("0a1b2c3d", JobState.FAILED, 2, 1, 4)
    assert (job.created, job.deadline, job.wish, job.key) == (START_MS, START_MS + 86_400_000, "", "nightly-1")
    assert job.error == {"stage": "finetune", "code": "rejected", "message": "no", "attempts": 2}
    assert job.pointer("training") == Pointer("ab" * 32, 12)
    assert job.pointer("hints") is None
    assert (job.run_id, job.deployment, job.marker) == ("ft-1", "acme/tuned", "golden-0a1b2c3d")
    assert job.spec.name == "golden"


def test_numbers_that_lua_wrote_as_fractions_are_read() -> None:
    assert Job.from_record(record(created="1800000000000.0", deadline="1.8e12")).deadline == START_MS


def test_a_job_of_a_list_has_no_spec_and_all_that_the_list_shows() -> None:
    job = Job.from_record({name: GOLDEN[name] for name in LISTED if name in GOLDEN})
    assert job.spec_json is None
    assert CONTRACT - set(job_json(job)) == {"spec"}


def test_a_job_in_json_has_the_contracts_keys() -> None:
    shown = job_json(Job.from_record(GOLDEN), created=False)
    assert set(shown) >= CONTRACT
    assert set(shown["platform"]) >= PLATFORM
    assert set(shown["error"]) == {"stage", "code", "message", "attempts"}
    assert (shown["job"], shown["state"], shown["created"], shown["waiting"]) == ("0a1b2c3d", "failed", False, None)
    assert shown["created_at"] == "2027-01-15T08:00:00.000Z"
    assert json.loads(json.dumps(shown)) == shown


def test_a_fresh_job_in_json_has_null_where_nothing_is_known() -> None:
    shown = job_json(Job.from_record(record(spec=document())))
    assert (shown["deployment"], shown["error"], shown["work"], shown["key"]) == (None, None, None, None)
    assert set(shown["platform"].values()) == {None}


def test_work_in_progress_is_told_in_its_own_units() -> None:
    job = Job.from_record(record(stage="generate", done=0, total=12))
    assert job_json(job)["work"] == {"stage": "generate", "done": 0, "total": 12}


def test_times_are_iso_8601_in_utc() -> None:
    assert iso(START_MS + 7) == "2027-01-15T08:00:00.007Z"
