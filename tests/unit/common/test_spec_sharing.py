"""Jobs of one submit share a base spec: stored once, never missing, and each job's spec comes back whole."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.commands import Commands, Wanted
from common.errors import Permanent
from common.job import Job, decode, encode, whole
from common.keys import Keys
from common.matrix import expand
from common.spec_parts import BaseSpec
from common.states import JobState
from common.store import Store
from tests.jobs_made import RecordingNudger, document, in_state, made, new_job

GOLDEN = Path(__file__).parent / "golden"
SMALL = 64  #: bytes of a value up to which Redis keeps a hash small
LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.floats(0, 3) | st.text(max_size=3)
KEYS = st.text("abc", min_size=1, max_size=3)  #: a spec's keys are names: never empty, without a dot
INNER = st.lists(LEAVES, max_size=2) | st.dictionaries(KEYS, LEAVES, max_size=2)
JSONISH = LEAVES | INNER | st.dictionaries(KEYS, INNER, max_size=2)
SPECS = st.fixed_dictionaries({"a": JSONISH, "b": JSONISH, "c": st.fixed_dictionaries({"x": JSONISH, "y": JSONISH})})


def bases(store: Store) -> list[dict[str, str]]:
    return [store.client.hgetall(key) for key in store.client.scan_iter(Keys.spec("*"))]


@given(first=SPECS, second=SPECS, name=st.text(max_size=3))
def test_whatever_two_specs_are_the_second_comes_back_from_the_firsts_base(
    first: dict[str, object], second: dict[str, object], name: str
) -> None:
    base = BaseSpec.of({**first, "name": "first"})
    wanted = {**second, "name": "second"}
    fields = base.fields(wanted, name)
    assert fields is not None
    read = whole(json.loads(base.text), {**fields, "name": name, "state": "accepted"})
    assert json.dumps(read, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def test_a_sweep_stores_one_base_and_of_each_job_what_differs(any_store: Store) -> None:
    specs = expand(document(matrix={"finetune.learning_rate": [n / 1000 for n in range(1, 301)]}))
    stored = Commands(any_store, RecordingNudger()).submit([Wanted(one) for one in specs])
    jobs = any_store.whole(one.job_id for one in stored)
    assert [job.spec for job in jobs] == specs
    assert [job.spec_json for job in jobs] == [one.dump() for one in specs]
    texts = [base["spec"] for base in bases(any_store)]
    assert len(texts) <= 2
    assert sum(int(base["jobs"]) for base in bases(any_store)) == 300


def test_jobs_that_differ_in_this_and_that_go_in_one_call_and_each_keeps_its_own(any_store: Store) -> None:
    axes = {
        "finetune.n_epochs": [1, 3],
        "priority": ["normal"],
        "deploy.mode": ["manual", "auto"],
        "dataset.seed": [0, 9],
    }
    specs = expand(document(name="s{dataset.seed}", matrix=axes))
    stored = Commands(any_store, RecordingNudger()).submit([Wanted(one) for one in specs])
    assert [job.spec for job in any_store.whole(one.job_id for one in stored)] == specs
    assert [base["jobs"] for base in bases(any_store)] == ["8"]
    first, *_, last = (any_store.client.hgetall(Keys.job(one.job_id)) for one in stored)
    assert not {"mode", "key", "priority", "spec.dataset.seed"} & first.keys()
    assert {"mode": "auto", "spec.dataset.seed": "9", "name": "s9"}.items() <= last.items()


def test_equal_jobs_of_many_submits_share_one_base(any_store: Store) -> None:
    for _ in range(3):
        made(any_store)
    ((base),) = bases(any_store)
    assert base["jobs"] == "3"


def test_specs_that_share_too_little_have_bases_of_their_own(any_store: Store) -> None:
    spec = {"name": "n", "a": {str(n): n for n in range(20)}}
    other = {"name": "n", "a": {str(n): -n for n in range(20)}}
    first, second = any_store.create([new_job(record={"spec": spec}), new_job(record={"spec": other})])
    assert len(bases(any_store)) == 2
    assert any_store.get(second.job_id).spec_json == {**other, "name": "n"}
    assert any_store.get(first.job_id).spec_json == {**spec, "name": "n"}


def test_a_job_found_under_its_key_counts_its_base_once(any_store: Store) -> None:
    for _ in range(2):
        any_store.create([new_job(key="nightly")])
    assert [base["jobs"] for base in bases(any_store)] == ["1"]


def test_a_claim_gives_the_whole_spec(any_store: Store) -> None:
    answer = any_store.claim(made(any_store), "prepare", None, 1000)
    assert isinstance(answer, tuple)
    assert answer[1].spec.finetune.model == "acme/base"


def test_a_spec_that_somebody_removed_is_a_permanent_fault_and_no_bug(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.client.delete(*any_store.client.scan_iter(Keys.spec("*")))
    with pytest.raises(Permanent, match=f"the spec of job {job_id} is gone from Redis"):
        _ = any_store.get(job_id).spec


def test_a_record_of_the_first_release_is_read_from_the_store(any_store: Store) -> None:
    record = json.loads((GOLDEN / "record-v1.json").read_text("utf-8"))
    any_store.client.hset(Keys.job("0a1b2c3d"), mapping=record)
    any_store.client.zadd(Keys.jobs, {"0a1b2c3d": 1})
    assert any_store.get("0a1b2c3d").spec.finetune.suffix == "golden"
    assert any_store.resolve("0a1") == "0a1b2c3d"
    assert [job.spec.name for job in any_store.whole(["0a1b2c3d"])] == ["golden"]


@pytest.mark.parametrize("size", [0, 12, 10**12 - 1])
def test_a_pointer_is_kept_small_and_comes_back_as_it_was(size: int) -> None:
    pointer = {"sha256": "0f" * 32, "size": size}
    _, text = encode({"training": pointer})
    assert len(text) <= SMALL
    assert decode(text) == pointer


def test_a_record_in_training_is_small_enough_for_redis_to_keep_it_so(valkey_store: Store) -> None:
    pointer = {"sha256": "0f" * 32, "size": 123_456_789}
    facts = {"training": pointer, "questions": pointer, "run_id": "ft-" + "0" * 36, "file_id": "file-" + "0" * 36,
             "counts": {"train_rows": 80_000, "test_questions": 1000},
             "progress": {"epochs": 1, "epochs_total": 10, "next_state_at": 1_800_000_000}}  # fmt: skip
    job_id = in_state(valkey_store, JobState.TRAINING, **facts)
    assert valkey_store.client.object("encoding", Keys.job(job_id)) == "listpack"
    assert Job.from_record(valkey_store.client.hgetall(Keys.job(job_id))).facts == facts
