"""What Together expects a run to cost (POST fine-tunes/estimate-price): the question, and the answer in our words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.money import Estimate, micros, spoken

if TYPE_CHECKING:
    from common.spec import FinetuneSpec

PATH = "/fine-tunes/estimate-price"
NOT_YET = "train_file_not_validated"  #: the platform's reason for telling no price
DEFAULT_RANK = 8  #: the question wants a rank; it does not change the price


@dataclass(frozen=True, slots=True)
class Quote:
    """What the platform says. Without `estimate` it told none, `reason` says why."""

    estimate: Estimate | None = None
    allowed: bool = True  #: whether balance and credit limit allow the run
    limit: int | None = None  #: the account's credit limit, micro-dollars
    reason: str = ""

    @property
    def not_yet(self) -> bool:
        """Whether it will tell a price in a while."""
        return self.estimate is None and self.reason == NOT_YET

    @property
    def refusal(self) -> str:
        """Why it is not allowed, with the platform's numbers."""
        price = f"about {spoken(self.estimate.cost)} for it" if self.estimate else "a price it does not tell"
        limit = f"; the account's limit is {spoken(self.limit)}" if self.limit is not None else ""
        return f"the platform does not allow the run: it expects {price}{limit}"


def question(wanted: FinetuneSpec, file_id: str) -> dict[str, Any]:
    """The request's body; without a training type where the spec leaves it to the platform, as for the run itself."""
    inputs = "auto" if wanted.train_on_inputs is None else wanted.train_on_inputs
    body: dict[str, Any] = {
        "training_file": file_id,
        "model": wanted.model,
        "n_epochs": wanted.n_epochs,
        "n_evals": 0,
        "training_method": {"method": "sft", "train_on_inputs": inputs},
    }
    if wanted.lora is False:
        body["training_type"] = {"type": "Full"}
    elif wanted.lora or wanted.adapter:
        rank = wanted.lora_r or DEFAULT_RANK
        body["training_type"] = {"type": "Lora", "lora_r": rank, "lora_alpha": wanted.lora_alpha or 2 * rank}
    return body


def answer(body: Any) -> Quote:
    """What the platform answered; odd answers tell no price."""
    if not isinstance(body, dict) or not body.get("estimation_available"):
        told = body.get("unavailable_reason") if isinstance(body, dict) else None
        return Quote(reason=str(told or "the platform told no price"))
    price, tokens = body.get("estimated_total_price"), body.get("estimated_train_token_count")
    estimate = None
    if _amount(price):
        estimate = Estimate(micros(price), int(tokens) if _amount(tokens) else 0, "platform")  # type: ignore[arg-type]  # _amount says so
    limit = body.get("user_limit")
    return Quote(
        estimate,
        allowed=body.get("allowed_to_proceed") is not False,
        limit=micros(limit) if _amount(limit) else None,  # type: ignore[arg-type]  # _amount says so
        reason="" if estimate else "the platform told no price",
    )


def _amount(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9 * 1e6
