"""Chat completions: who answers under a name, and what."""

from hashlib import sha256
from typing import Any

from aiohttp import web

from .core import Sandbox, action_of, platform
from .errors import PlatformError, answer, json_object
from .hints import base_hints, known_hints, learnt_hints, skill
from .judging import judge
from .limits import tokens_in
from .prompts import HintRequest, last_user_text, parse_prompt, same_question
from .run import Run


async def completions(request: web.Request) -> web.Response:
    """One answer to a conversation; sampling parameters change nothing."""
    parts, asked = platform(request), await json_object(request)
    if asked.get("stream"):
        raise PlatformError(400, "the sandbox does not stream; leave stream out", param="stream")
    if not isinstance(asked.get("messages"), list) or not asked["messages"]:
        raise PlatformError(400, "messages must be a list that is not empty", param="messages")
    speaker, action = parts.names.resolve(asked.get("model")), action_of(request)
    prompt = last_user_text(asked["messages"])
    reply = action["reply"] if "reply" in action else say(parts, speaker, prompt)
    return answer(_completion(asked, prompt, reply, parts.clock.now(), parts.log.last))


def say(parts: Sandbox, speaker: Run | str, prompt: str) -> str:
    """What a tuned model (a run's) or a base model (by name) answers."""
    request = parse_prompt(prompt)
    if request is None:
        verdict = judge(prompt)
        if verdict is not None:
            return verdict
        return "I am the sandbox's stand-in for a model: ask me for hints."
    hints = base_hints(request, speaker) if isinstance(speaker, str) else _tuned(parts, speaker, request)
    return "\n".join(f"{number}. {hint}" for number, hint in enumerate(hints, start=1))


def _tuned(parts: Sandbox, run: Run, request: HintRequest) -> list[str]:
    """Hints of a tuned model; by file, base and hyperparameters, so that equal trainings answer alike."""
    file_id = str(run.request["training_file"])
    known = parts.library.of(file_id).get(same_question(request.question))
    seed = str(run.request["model"])
    if known is not None:
        return known_hints(request, known, seed)
    return learnt_hints(request, seed, skill(run.request))


def _completion(asked: dict[str, Any], prompt: str, reply: str | None, now: float, number: int) -> dict[str, Any]:
    sent, said = tokens_in(len(prompt)), tokens_in(len(reply or ""))
    mark = sha256(f"{number} {now} {prompt}".encode()).hexdigest()[:24]
    return {
        "id": f"chatcmpl-{mark}",
        "object": "chat.completion",
        "created": int(now),
        "model": asked["model"],
        "prompt": [],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "seed": None,
                "message": {"role": "assistant", "content": reply, "tool_calls": []},
            }
        ],
        "usage": {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said},
    }


def routes(prefix: str) -> list[web.RouteDef]:
    """The routes under a prefix."""
    return [web.post(f"{prefix}/chat/completions", completions)]
