"""A stand-in platform that costs next to nothing: thousands of runs in one ready-made list, chat that takes its time.

The project's sandbox knows more; this one leaves the machine to what is measured. Its control side is under /bench.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter

import orjson
from aiohttp import web

MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"
TEXT = "1. It is known to many people.\n2. It was in the news in 1969."


class Platform:
    """Runs and their list; how many requests came; chat with `answer_s` an answer and a limit of requests at once."""

    def __init__(self, answer_s: float, uneven: bool, limit: int) -> None:
        self.answer_s = answer_s
        self.uneven = uneven
        self.limit = limit
        self.runs: dict[str, dict[str, object]] = {}
        self.completed_at: dict[str, float] = {}
        self.asked_at: dict[str, float] = {}  #: model -> the first chat request
        self.counts: Counter[str] = Counter()
        self.chats = self.most_chats = 0
        self._list = b""
        self._random = random.Random(7)

    def seed(self, suffixes: list[str]) -> None:
        """As many running runs as there are suffixes."""
        self.runs = {_id(number): _run(number, suffix) for number, suffix in enumerate(suffixes)}
        self._list = b""

    def complete(self, ids: list[str]) -> None:
        for run_id in ids:
            self.runs[run_id] |= {"status": "completed", "model_output_name": f"bench/{run_id}"}
            self.completed_at[run_id] = time.time()
        self._list = b""

    async def list_runs(self, request: web.Request) -> web.Response:
        self.counts["GET /fine-tunes"] += 1
        if not self._list:
            self._list = orjson.dumps({"data": list(self.runs.values())})
        return web.Response(body=self._list, content_type="application/json")

    async def one_run(self, request: web.Request) -> web.Response:
        self.counts["GET /fine-tunes/{id}"] += 1
        run = self.runs.get(request.match_info["run"])
        return _json(run) if run else _json({"error": {"message": "no such run", "code": "not_found"}}, 404)

    async def chat(self, request: web.Request) -> web.Response:
        """One answer; 429 beyond the limit, as a platform that is asked for too much at once."""
        self.counts["POST /chat/completions"] += 1
        asked = orjson.loads(await request.read())
        if asked.get("max_tokens") != 1:  # one token asks whether the name answers: no generation yet
            self.asked_at.setdefault(asked["model"], time.time())
        if self.limit and self.chats >= self.limit:
            self.counts["429"] += 1
            return _json({"error": {"message": "too many requests", "code": "dynamic_request_limited"}}, 429)
        self.chats += 1
        self.most_chats = max(self.most_chats, self.chats)
        try:
            await asyncio.sleep(self._random.expovariate(1 / self.answer_s) if self.uneven else self.answer_s)
        finally:
            self.chats -= 1
        message = {"role": "assistant", "content": TEXT}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": choices}
        return _json({**body, "usage": usage})

    async def control(self, request: web.Request) -> web.Response:
        """POST /bench/seed [suffixes], /bench/complete [ids], /bench/chat {...}; GET /bench/seen[?short]."""
        body = orjson.loads(await request.read() or b"null")
        match request.match_info["what"]:
            case "seed":
                self.seed(body)
            case "complete":
                self.complete(body)
            case "chat":
                self.answer_s, self.uneven, self.limit = body["answer_s"], body["uneven"], body["limit"]
                self.counts.clear()
                self.most_chats = 0
        told: dict[str, object] = {"counts": self.counts, "most_chats": self.most_chats}
        if "short" not in request.query:
            told |= {"completed_at": self.completed_at, "asked_at": self.asked_at, "ids": list(self.runs)}
        return _json(told)


def _id(number: int) -> str:
    return f"ft-{number:08x}-0000-4000-8000-000000000000"


def _run(number: int, suffix: str) -> dict[str, object]:
    """About 1 kB, as the platform's list has it for each run."""
    return {
        "id": _id(number),
        "status": "running",
        "suffix": suffix,
        "model": MODEL,
        "model_output_name": "",
        "training_file": f"file-{number:08x}-0000-4000-8000-000000000000",
        "validation_file": "",
        "created_at": "2026-11-01T00:00:00Z",
        "updated_at": "2026-11-01T00:10:00Z",
        "started_at": "2026-11-01T00:01:00Z",
        "n_epochs": 3,
        "n_evals": 0,
        "n_checkpoints": 1,
        "batch_size": 16,
        "learning_rate": 1e-05,
        "lr_scheduler": {"lr_scheduler_type": "cosine", "lr_scheduler_args": {"min_lr_ratio": 0.0, "num_cycles": 0.5}},
        "warmup_ratio": 0.0,
        "max_grad_norm": 1.0,
        "weight_decay": 0.0,
        "training_method": {"method": "sft", "train_on_inputs": "auto"},
        "training_type": {"type": "Lora", "lora_r": 8, "lora_alpha": 16, "lora_dropout": 0.0},
        "epochs_completed": 1,
        "queue_depth": 0,
        "token_count": 1_234_567,
        "total_price": 4_000_000_000,
        "random_seed": None,
        "wandb_name": "",
        "progress": {"estimate_available": True, "seconds_remaining": 3600},
        "owner_address": "0x0000000000000000000000000000000000000000",
        "user_id": "000000000000000000000000",
    }


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--answer-seconds", type=float, default=0.0)
    parser.add_argument("--uneven", action="store_true", help="answers take exponentially distributed times")
    parser.add_argument("--limit", type=int, default=0, help="chat requests at once; one more is answered with 429")
    args = parser.parse_args()
    platform = Platform(args.answer_seconds, args.uneven, args.limit)
    app = web.Application(client_max_size=2**26)
    for prefix in ("", "/v1"):
        app.router.add_get(f"{prefix}/fine-tunes", platform.list_runs)
        app.router.add_get(f"{prefix}/fine-tunes/{{run}}", platform.one_run)
        app.router.add_post(f"{prefix}/chat/completions", platform.chat)
    app.router.add_route("*", "/bench/{what}", platform.control)
    web.run_app(app, host="127.0.0.1", port=args.port, print=None, access_log=None, backlog=2048)


if __name__ == "__main__":
    main()
