"""Our client in HintEval's place: what a platform may answer, and what becomes of it. HintEval itself is not needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common.errors import Busy, Permanent, Transient
from common.spec import GenerateSpec
from worker.adapters import chat, chat_pace, hinteval
from worker.adapters.chat import ChatClient
from worker.adapters.hinteval import HintEvalModel
from worker.pacing import Pace

WANTED = GenerateSpec(num_of_hints=2)
Reply = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers with `replies`, the last one for ever."""

    daemon_threads = True
    replies: list[Reply]
    bodies: list[Any]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one segment
    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        status, headers, body = self.server.replies[0]
        if len(self.server.replies) > 1:
            self.server.replies.pop(0)
        self.send_response(status)
        for name, text in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


class Plain(HintEvalModel):
    """The adapter without HintEval: only its prompt is missing."""

    def _make(self, model: str, wanted: GenerateSpec, pace: Pace) -> Any:
        client = ChatClient(self._loop, base_url=self._base_url, api_key=self._api_key, pace=pace)

        class Asker:
            async def _hint_thread(self, pair: tuple[str, str]) -> tuple[str, str]:
                told = await client.chat.completions.create(model=model, messages=[{"content": pair[0]}])
                return pair[0], told.choices[0].message.content.strip()

        return Asker()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(chat, "_rest_s", lambda exc, tried: 0.0)
    found = Server(("127.0.0.1", 0), Handler)
    found.bodies = []
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def model(server: Server) -> Iterator[HintEvalModel]:
    made = Plain(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="k")
    yield made
    made.close()


def completion(content: object) -> Reply:
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def asked(model: HintEvalModel) -> tuple[str, ...]:
    return model.begin("acme/x", "What?", "It", WANTED).result(20).hints


def test_hints_come_parsed(server: Server, model: HintEvalModel) -> None:
    server.replies = [completion("1. one\n\n2. two")]
    assert asked(model) == ("one", "two")
    assert server.bodies == [{"model": "acme/x", "messages": [{"content": "What?"}]}]


def test_what_passes_is_tried_again(server: Server, model: HintEvalModel) -> None:
    server.replies = [(503, {}, b"{}"), (500, {}, b"<html>"), completion("1. one")]
    assert asked(model) == ("one",)
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        ((500, {}, b'{"error": {"message": "on fire"}}'), Transient, "acme/x answered 500: on fire"),
        ((404, {}, b'{"error": {"message": "no such model"}}'), Permanent, "acme/x answered 404: no such model"),
        ((401, {}, b'{"error": "bad key"}'), Permanent, "acme/x answered 401: bad key"),
        ((200, {}, b"<html>"), Transient, "something else than a chat completion"),
        ((200, {}, b'{"choices": []}'), Transient, "something else than a chat completion"),
        (completion(None), Transient, "answered without text"),
    ],
)
def test_what_is_no_answer_is_told_in_the_platforms_words(
    server: Server, model: HintEvalModel, reply: Reply, kind: type[Exception], words: str
) -> None:
    server.replies = [reply]
    with pytest.raises(kind, match=words):
        asked(model)


def test_who_is_refused_for_the_number_of_requests_waits_as_long_as_was_asked(
    server: Server, model: HintEvalModel
) -> None:
    server.replies = [(429, {"Retry-After": "0.01"}, b"{}"), completion("1. one")]
    assert asked(model) == ("one",)


class Queue:
    """A pace at which the first request goes, and all others wait until a refusal was told."""

    def __init__(self) -> None:
        self.first = threading.Lock()
        self.told = threading.Event()
        self.heard: list[bool] = []

    def before(self, patience_s: float = 0.0) -> None:
        if not self.first.acquire(blocking=False):
            self.heard.append(self.told.wait(5))

    def after(self, status: int, headers: Mapping[str, str], after_s: float | None) -> None:
        if status == 429:
            self.told.set()


def test_a_refusal_is_told_though_many_wait_for_a_place(
    server: Server, model: HintEvalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: it stood behind those that waited, all sent at the old rate meanwhile, and each was refused."""
    pace = Queue()
    monkeypatch.setattr(chat, "WAITERS", 2)
    monkeypatch.setattr(hinteval, "pace_of", lambda paces, name: pace)
    server.replies = [(429, {}, b"{}"), completion("1. one")]
    futures = [model.begin("acme/x", f"What {number}?", "It", WANTED) for number in range(4)]
    assert [future.result(20).hints for future in futures] == [("one",)] * 4
    assert pace.heard
    assert all(pace.heard)


def test_patience_with_refusals_has_an_end(
    server: Server, model: HintEvalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_pace, "PATIENCE_S", 0.0)
    server.replies = [(429, {"Retry-After": "7"}, b"{}")]
    with pytest.raises(Busy) as caught:
        asked(model)
    assert caught.value.after_s == 7
    assert len(server.bodies) == 1, "it is not the client that repeats what was refused for its number"


def test_a_host_that_does_not_answer_is_a_fault_that_passes(server: Server, model: HintEvalModel) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(Transient, match="acme/x did not answer"):
        asked(model)
