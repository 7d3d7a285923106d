"""Money in whole micro-dollars, and what a run is about to cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import prices, quotes
from common.errors import ConfigurationError
from common.money import micros, of_nanos, spoken
from common.prices import Prices, billions
from common.reuse import run_fingerprint
from common.spec import FinetuneSpec


def wanted(**given: object) -> FinetuneSpec:
    return FinetuneSpec.model_validate({"model": "acme/base-8B", "n_epochs": 1, **given})


@pytest.mark.parametrize(
    ("usd", "amount"), [("12.5", 12_500_000), (0.1, 100_000), ("0.0000001", 1), (0, 0), (1e-5, 10), ("3", 3_000_000)]
)
def test_dollars_become_micro_dollars_rounded_up(usd: str | float, amount: int) -> None:
    assert micros(usd) == amount


@pytest.mark.parametrize("usd", ["much", "-1", "nan", "inf", "1e12", ""])
def test_what_is_no_amount_is_refused(usd: str) -> None:
    with pytest.raises(ValueError, match=r"amount"):
        micros(usd)


def test_ten_tenths_are_one() -> None:
    assert sum(micros(0.1) for _ in range(10)) == micros(1)


def test_nano_dollars_are_rounded_up() -> None:
    assert (of_nanos(1_500), of_nanos(2_000_000_000)) == (2, 2_000_000)


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "$0.00"), (1_230_000, "$1.23"), (4_800, "$0.0048"), (-2_500_000, "-$2.50")]
)
def test_small_amounts_are_told_with_more_digits(amount: int, words: str) -> None:
    assert spoken(amount) == words


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct-Reference", 8),
        ("Qwen/Qwen2.5-0.5b-Instruct", 0.5),
        ("mistralai/Mixtral-8x7B-v0.1", 56),
        ("meta-llama/Llama-4-Maverick-17B-128E", 17),
        ("google/gemma-3-4b-it", 4),
        ("acme/whatever", None),
    ],
)
def test_a_models_size_is_read_from_its_name(model: str, size: float | None) -> None:
    assert billions(model) == size


def test_a_price_is_tokens_times_epochs_times_the_rate_of_the_models_size() -> None:
    table = prices.load()
    estimate = table.estimate(wanted(n_epochs=3), 4_000_000, 100)
    assert (estimate.tokens, estimate.cost, estimate.source) == (3_000_000, micros("1.44"), "local")
    assert table.estimate(wanted(lora=False), 4_000_000, 100).cost == micros("0.54")
    assert table.estimate(wanted(model="a/b-70B"), 4_000_000, 100).cost == micros("2.90")


def test_a_model_of_unknown_size_counts_as_the_largest() -> None:
    table = prices.load()
    assert table.estimate(wanted(model="acme/x"), 4_000_000, 1) == table.estimate(wanted(model="x-90B"), 4_000_000, 1)


def test_without_packing_every_row_is_as_long_as_the_longest() -> None:
    assert prices.load().estimate(wanted(packing=False), 1000, 10).tokens == 81_920


def test_a_table_of_ones_own_is_read_and_a_bad_one_is_named(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'source = "contract"\ndate = "2026-11"\nbytes_per_token = 2.0\nunpacked_row_tokens = 10\nminimum_usd = 3.0\n'
        "[[tiers]]\nbillions = 9.0\nlora = 1.0\nfull = 2.0\n"
    )
    assert prices.load(str(mine)).estimate(wanted(), 1000, 1).cost == micros(3)
    mine.write_text('source = "x"\n')
    prices.load.cache_clear()
    with pytest.raises(ConfigurationError, match=r"HINTRELAY_PRICES: .*mine.toml: date"):
        prices.load(str(mine))
    with pytest.raises(ConfigurationError, match="HINTRELAY_PRICES"):
        prices.load(str(tmp_path / "none.toml"))


def test_the_table_says_whence_and_when() -> None:
    table: Prices = prices.load()
    assert "together" in table.source
    assert table.date


def test_the_platform_is_asked_as_for_the_run_itself() -> None:
    assert quotes.question(wanted(), "file-1") == {
        "training_file": "file-1",
        "model": "acme/base-8B",
        "n_epochs": 1,
        "n_evals": 0,
        "training_method": {"method": "sft", "train_on_inputs": "auto"},
    }
    assert quotes.question(wanted(lora=False), "f")["training_type"] == {"type": "Full"}
    assert quotes.question(wanted(lora_r=4), "f")["training_type"] == {"type": "Lora", "lora_r": 4, "lora_alpha": 8}


def test_the_platforms_answer_tells_price_and_leave() -> None:
    quote = quotes.answer(
        {
            "estimation_available": True,
            "estimated_total_price": 1.25,
            "allowed_to_proceed": False,
            "user_limit": 100,
            "estimated_train_token_count": 7,
        }
    )
    assert quote.estimate is not None
    assert (quote.estimate.cost, quote.estimate.tokens, quote.estimate.source) == (1_250_000, 7, "platform")
    assert not quote.allowed
    assert "about $1.25" in quote.refusal
    assert "limit is $100.00" in quote.refusal


@pytest.mark.parametrize(
    "body",
    [{}, [], None, "x", {"estimation_available": True, "estimated_total_price": "much"}, {"estimation_available": 1}],
)
def test_an_odd_answer_tells_no_price_and_forbids_nothing(body: object) -> None:
    quote = quotes.answer(body)
    assert quote.estimate is None
    assert quote.allowed
    assert quote.reason


def test_an_estimate_that_is_not_there_says_why() -> None:
    quote = quotes.answer({"estimation_available": False, "unavailable_reason": "train_file_not_validated"})
    assert quote.reason == "train_file_not_validated"


def test_equal_runs_have_one_fingerprint() -> None:
    def mark(platform: str = "p", data: str = "d", **given: object) -> str:
        return run_fingerprint(platform, data, wanted(**given))

    assert mark() == mark(format="llama3") == mark(train_on_inputs="auto")
    different = [
        mark("q"),
        mark(data="e"),
        mark(n_epochs=2),
        mark(random_seed=1),
        mark(suffix="other"),
        mark(lora=True),
    ]
    assert len({mark(), *different}) == 7
