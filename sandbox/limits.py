"""The base models, what may be asked of their training, and what it costs."""

from dataclasses import dataclass
from typing import Any

#: The account's credit limit in dollars, as the price estimate names it.
CREDIT_LIMIT_USD = 100.0
CHARS_PER_TOKEN = 4
NANODOLLARS = 1_000_000_000
MAX_SUFFIX = 40


@dataclass(frozen=True)
class BaseModel:
    """A base model of the platform."""

    name: str
    usd_per_million: float  #: price of a million training tokens, LoRA
    max_batch: int
    params: int
    context: int = 8192
    trainable: bool = True


MODELS: dict[str, BaseModel] = {
    model.name: model
    for model in (
        BaseModel("meta-llama/Meta-Llama-3-8B-Instruct", 0.48, 64, 8_030_261_248),
        BaseModel("meta-llama/Meta-Llama-3-70B-Instruct", 2.90, 16, 70_553_706_496),
        BaseModel("meta-llama/Meta-Llama-3.1-8B-Instruct-Reference", 0.48, 64, 8_030_261_248, 32768),
        BaseModel("meta-llama/Meta-Llama-3.1-70B-Instruct-Reference", 2.90, 16, 70_553_706_496, 32768),
        BaseModel("meta-llama/Llama-3.2-1B-Instruct", 0.48, 128, 1_235_814_400, 32768),
        BaseModel("meta-llama/Llama-3.2-3B-Instruct", 0.48, 96, 3_212_749_824, 32768),
        BaseModel("meta-llama/Llama-3.3-70B-Instruct-Reference", 2.90, 16, 70_553_706_496, 32768),
        BaseModel("Qwen/Qwen2.5-7B-Instruct", 0.48, 64, 7_615_616_512, 32768),
        BaseModel("Qwen/Qwen2.5-14B-Instruct", 0.48, 32, 14_770_033_664, 32768),
        BaseModel("Qwen/Qwen3-8B", 0.48, 64, 8_190_735_360, 32768),
        BaseModel("Qwen/Qwen3.5-9B", 0.48, 64, 9_000_000_000, 32768),
        BaseModel("google/gemma-3-4b-it", 0.48, 64, 4_300_079_472, 16384),
        BaseModel("mistralai/Mistral-7B-Instruct-v0.2", 0.48, 64, 7_241_732_096, 32768),
        BaseModel("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", 0.0, 0, 8_030_261_248, 131072, False),
        BaseModel("meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", 0.0, 0, 70_553_706_496, 131072, False),
        BaseModel("meta-llama/Llama-3.3-70B-Instruct-Turbo", 0.0, 0, 70_553_706_496, 131072, False),
    )
}

MAX_EPOCHS = 20
MIN_LEARNING_RATE = 1e-8
MAX_LEARNING_RATE = 0.01
MAX_RANK = 64
MAX_EVALS = 100
MAX_CHECKPOINTS = 20
DEFAULT_RANK = 8
MIN_BATCH = 8


def limits_of(model: BaseModel) -> dict[str, Any]:
    """What `GET fine-tunes/models/limits` says of a model."""
    return {
        "model_name": model.name,
        "default_gradient_accumulation_steps": 1,
        "full_training": {
            "max_batch_size": model.max_batch,
            "max_batch_size_dpo": model.max_batch // 2,
            "min_batch_size": MIN_BATCH,
        },
        "lora_training": {
            "default_rank": DEFAULT_RANK,
            "max_batch_size": model.max_batch,
            "max_batch_size_dpo": model.max_batch // 2,
            "max_rank": MAX_RANK,
            "min_batch_size": MIN_BATCH,
            "target_modules": ["k_proj", "o_proj", "q_proj", "v_proj", "gate_proj", "up_proj", "down_proj"],
        },
        "max_learning_rate": MAX_LEARNING_RATE,
        "max_num_checkpoints": MAX_CHECKPOINTS,
        "max_num_epochs": MAX_EPOCHS,
        "max_num_evals": MAX_EVALS,
        "max_seq_length_dpo": model.context // 2,
        "max_seq_length_sft": model.context,
        "merge_output_lora": True,
        "min_learning_rate": MIN_LEARNING_RATE,
        "min_max_seq_length": 128,
        "supports_full_training": True,
        "supports_reasoning": False,
        "supports_tools": True,
        "supports_vision": False,
    }


def tokens_in(size: int) -> int:
    """About as many tokens as that many bytes of English have."""
    return max(1, size // CHARS_PER_TOKEN)


def price_usd(model: BaseModel, tokens: int, epochs: int) -> float:
    """What training costs, in dollars."""
    return round(model.usd_per_million * tokens * epochs / 1_000_000, 6)


def estimated(model: BaseModel, train_tokens: int, eval_tokens: int, epochs: int, evals: int) -> dict[str, Any]:
    """An available estimate, as `POST fine-tunes/estimate-price` gives it."""
    trained, evaluated = train_tokens * epochs, eval_tokens * evals
    price = price_usd(model, trained + evaluated, 1)
    return {
        "estimation_available": True,
        "estimated_total_price": price,
        "allowed_to_proceed": price <= CREDIT_LIMIT_USD,
        "user_limit": CREDIT_LIMIT_USD,
        "estimated_train_token_count": trained,
        "estimated_eval_token_count": evaluated,
    }


def no_estimate(reason: str) -> dict[str, Any]:
    """An estimate that cannot be made yet, or ever."""
    return {"estimation_available": False, "unavailable_reason": reason}
