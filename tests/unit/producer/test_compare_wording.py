"""Names and numbers of the report: short, told apart, no digits that say nothing."""

from __future__ import annotations

import pytest

from common.job import Job
from common.states import JobState
from producer.compare.entries import Entry
from producer.compare.examples import _is
from producer.compare.wording import names, number, signed, value


def entry(name: str, job_id: str = "") -> Entry:
    job = Job(job_id, JobState.SUCCEEDED, name=name) if job_id else None
    return Entry(name, "succeeded", "m", {}, job)


@pytest.mark.parametrize(
    ("given", "shown"), [(0.28912, "0.289"), (2.504, "2.50"), (10.26, "10.3"), (-0.0001, "0.000"), (1234.5, "1234")]
)
def test_numbers_have_as_many_digits_as_say_something(given: float, shown: str) -> None:
    assert number(given) == shown


def test_a_difference_has_the_digits_of_its_mean() -> None:
    assert [signed(0.25, 65.0), signed(-0.25, 0.3), signed(-0.00001, 0.3)] == ["+0.2", "\u22120.250", "+0.000"]


def test_small_values_of_keys_have_no_zeros_in_their_exponent() -> None:
    assert [value(1e-5), value(0.5), value(8), value("a")] == ["1e-5", "0.5", "8", "a"]


def test_long_names_lose_what_all_begin_with() -> None:
    long = "a-sweep-over-everything-there-is"
    assert names([entry(f"{long}-lr1", "1"), entry(f"{long}-lr2", "2")]) == ["…lr1", "…lr2"]


def test_equal_names_are_told_apart_by_their_ids() -> None:
    assert names([entry("one", "aaaa1111"), entry("one", "bbbb2222")]) == ["one aaaa1111", "one bbbb2222"]


def test_names_that_differ_in_their_middle_only_are_still_told_apart() -> None:
    made = names([entry(f"{'x' * 20}{n}{'y' * 30}", f"{n:08d}") for n in range(3)])
    assert len(set(made)) == 3
    assert all(len(name) <= 26 for name in made)


def test_a_base_model_goes_by_its_own_name() -> None:
    assert names([entry("base: meta-llama/Llama-8B")]) == ["base: Llama-8B"]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("relevance-rouge1", "rouge1"),
        ("relevance-llm-acme_judge", "relevance.llm"),
        ("readability-smog_index-sm", "readability.smog_index"),
        ("convergence-llm-acme_judge", "convergence.llm"),
        ("answer-leakage-lexical-exclude_stop_words-sm", "answer_leakage"),
        ("answer-leakage-contextual-exclude_stop_words-sm-x", "answer_leakage.contextual"),
        ("familiarity-freq-exclude_stop_words-sm", "familiarity.word_frequency"),
        ("familiarity-freq-include_stop_words-sm", "familiarity.word_frequency_all_words"),
        ("familiarity-wikipedia-sm", "familiarity.wikipedia"),
    ],
)
def test_hintevals_name_leads_to_its_metric_and_to_no_other(name: str, metric: str) -> None:
    from common.metrics import METRICS

    assert [one for one in METRICS if _is(name, one)] == [metric]
