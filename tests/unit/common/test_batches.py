"""The jobs of one submit are a batch: its name, its index, and what another submit adds."""

from __future__ import annotations

import re

import pytest

from common.commands import Commands, Wanted
from common.errors import InvalidSpec
from common.keys import Keys
from common.names import own_batch_name
from common.store import Store
from tests.jobs_made import START_MS, MovableClock, RecordingNudger, spec

SWEEP = [Wanted(spec(name="sweep-{finetune.n_epochs}", finetune={"n_epochs": n})) for n in (1, 2)]


@pytest.fixture
def commands(any_store: Store) -> Commands:
    return Commands(any_store, RecordingNudger())


def batch_of(store: Store, job_id: str) -> str:
    return store.get(job_id).batch


def test_the_jobs_of_a_submit_are_a_batch_of_their_own(commands: Commands, any_store: Store) -> None:
    first, second = (commands.submit(SWEEP) for _ in range(2))
    names = [{batch_of(any_store, one.job_id) for one in stored} for stored in (first, second)]
    assert [len(name) for name in names] == [1, 1]
    assert names[0] != names[1]
    (name,) = names[0]
    assert re.fullmatch(r"sweep-[0-9a-f]{6}", name)
    assert any_store.client.zrange(Keys.batch(name), 0, -1) == [one.job_id for one in first]
    assert any_store.client.zscore(Keys.batches, name) == START_MS


def test_a_submit_into_a_batch_that_exists_adds_to_it(
    commands: Commands, any_store: Store, clock: MovableClock
) -> None:
    first = commands.submit(SWEEP, batch="night")
    clock.forward(1000)
    more = commands.submit(SWEEP[:1], batch="night")
    assert any_store.client.zrange(Keys.batch("night"), 0, -1) == [one.job_id for one in [*first, *more]]
    assert any_store.client.zscore(Keys.batches, "night") == START_MS


def test_a_submit_repeated_under_its_key_changes_no_batch(commands: Commands, any_store: Store) -> None:
    first, again = (commands.submit(SWEEP, "nightly-1") for _ in range(2))
    commands.submit(SWEEP, "nightly-1", "another")
    assert [one.job_id for one in again] == [one.job_id for one in first]
    assert any_store.client.zcard(Keys.batches) == 1
    assert any_store.client.exists(Keys.batch("another")) == 0


@pytest.mark.parametrize("name", ["", "-x", "a b", "ä", "x" * 101, "a/b", "a\n"])
def test_a_batch_name_that_is_none_is_refused(commands: Commands, any_store: Store, name: str) -> None:
    with pytest.raises(InvalidSpec, match="--batch: a batch name is 1 to 100 of letters, digits and"):
        commands.submit(SWEEP, batch=name)
    assert any_store.ids() == []


@pytest.mark.parametrize(
    ("names", "stem"),
    [
        (["lr1e-05", "lr5e-05"], "lr"),
        (["alpha", "beta"], "alpha"),
        (["a b/c: 日本"], "a-b-c"),
        (["日本"], "batch"),
        (["x" * 200], "x" * 60),
    ],
)
def test_a_batch_is_named_by_what_its_jobs_names_begin_with(names: list[str], stem: str) -> None:
    assert own_batch_name(names, "k").rpartition("-")[0] == stem
