"""A second stand-in platform, other than the sandbox and knowing nothing of it: small, strict, in the test's process.

It answers only what the platform's published API has, with as few fields as that allows, and keeps every request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TRAINING_S = 2.0
DROP = object()  #: an answer that is none: the connection is reset


class StandIn:
    """`url` is its root, without /v1. `plan` maps a run's number (from 0) to the word it ends in; default completed.

    A run is expected to cost 1 USD, unless `estimate` says otherwise; `odd_estimates` are answered before. Where
    `total_price` (nano-dollars) is set, a completed run has it.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.content: dict[str, bytes] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.plan: dict[int, str] = {}
        self.names: set[str] = set()
        self.estimate = {"estimation_available": True, "estimated_total_price": 1.0, "allowed_to_proceed": True}
        self.odd_estimates: list[dict[str, Any]] = []
        self.total_price: int | None = None
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str, path: str) -> int:
        return sum(1 for request in self.requests if request == (method, path))

    # ---- what it answers ----

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> tuple[int, Any, dict[str, str]]:
        with self.lock:
            self.requests.append((method, path.partition("?")[0]))
            parts = path.partition("?")[0].strip("/").split("/")
            if parts[0] == "blob":
                self.content[parts[1]] = body
                return 200, {}, {}
            if headers.get("Authorization") != "Bearer canary-key-5b1f":
                return 401, _error("Invalid API key", "invalid_api_key"), {}
            if parts[0] != "v1":
                return 404, _error("no such route", "not_found"), {}
            route = getattr(self, f"_{method}_{parts[1]}".lower().replace("-", "_"), None)
            return route(parts[2:], body) if route else (404, _error("no such route", "not_found"), {})

    def _post_files(self, rest: list[str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if len(rest) == 2 and rest[1] == "preprocess":
            data = self.content[rest[0]]
            self.files[rest[0]] = {
                "id": rest[0],
                "object": "file",
                "bytes": len(data),
                "filename": "x.jsonl",
                "purpose": "fine-tune",
                "created_at": int(time.time()),
                "FileType": "jsonl",
                "Processed": True,
                "processing_status": "COMPLETED",
            }
            return 200, self.files[rest[0]], {}
        checksum = body.split(b'name="checksum"\r\n\r\n')[1].split(b"\r\n")[0].decode()
        for file_id in self.files:
            if hashlib.sha256(self.content[file_id]).hexdigest() == checksum:
                return 409, {"file_id": file_id}, {}
        file_id = f"file-{len(self.content) + 1:04d}"
        return 302, None, {"Location": f"{self.url}/blob/{file_id}", "X-Together-File-Id": file_id}

    def _get_files(self, rest: list[str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if not rest:
            return 200, {"data": list(self.files.values())}, {}
        return (200, self.files[rest[0]], {}) if rest[0] in self.files else (404, _error("no file", "not_found"), {})

    def _delete_files(self, rest: list[str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        return 200, {"id": rest[0], "deleted": True}, {}

    def _get_fine_tunes(self, rest: list[str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if rest[:2] == ["models", "limits"]:
            return 200, _LIMITS, {}
        if not rest:
            return 200, {"data": [self._shown(run, whole=False) for run in self.runs.values()]}, {}
        if rest[0] not in self.runs:
            return 404, _error("no such job", "not_found"), {}
        run = self._shown(self.runs[rest[0]], whole=True)
        return 200, {"data": run["events"]} if rest[1:] == ["events"] else run, {}

    def _post_fine_tunes(self, rest: list[str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if rest == ["estimate-price"]:
            return 200, self.odd_estimates.pop(0) if self.odd_estimates else self.estimate, {}
        if len(rest) == 2 and rest[1] == "cancel":
            self.runs[rest[0]]["cancelled"] = True
            return 200, self._shown(self.runs[rest[0]], whole=False), {}
        wanted = json.loads(body)
        if wanted["training_file"] not in self.files or len(wanted["suffix"]) > 40:
            return 400, _error("training_file or suffix", "invalid_request"), {}
        number = len(self.runs)
        run = {
            **wanted,
            "id": f"ft-{number:04d}-0000-0000",
            "began": time.time(),
            "end": self.plan.get(number, "completed"),
        }
        self.runs[run["id"]] = run
        return 200, self._shown(run, whole=False), {}

    def _post_chat(self, rest: list[str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        asked = json.loads(body)
        if asked["model"] not in self.names:
            return 404, _error(f"Unable to access model {asked['model']}", "model_not_available"), {}
        text = "Here are the hints:\n\n1. It is known to many people.\n2. It was in the news in 1969.\n3. One too many."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [choice]}
        return 200, answer, {}

    def _shown(self, run: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        ended = time.time() - run["began"] > TRAINING_S and run["end"] != "stuck"
        status = "cancelled" if run.get("cancelled") else run["end"] if ended else "running"
        shown = {name: run[name] for name in ("id", "model", "training_file", "n_epochs")}
        shown |= {"status": status, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
        shown["model_output_name"] = f"acme/tuned-{run['suffix']}" if status == "completed" else ""
        if status == "completed" and self.total_price is not None:
            shown["total_price"] = self.total_price
        if not whole:
            return {**shown, "suffix": run["suffix"]}
        events = [{"object": "fine-tune-event", "created_at": "x", "type": "job_start", "message": "begun"}]
        if status == "error":
            events.append({**events[0], "type": "job_error", "message": "loss became NaN at step 7"})
        return {**shown, "events": events}

    def _handler(stand_in) -> type[BaseHTTPRequestHandler]:  # `self` is the handler's, below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one segment: as two, the second waits 40 ms for a delayed ACK

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer, headers = stand_in.answer(self.command, self.path, self.headers, body)
                if answer is DROP:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                raw = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    """Its connections end with it: one that a client keeps open would keep a thread, and all that the thread knows."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for request in list(self._open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


_TRAINING = {
    "max_batch_size": 96,
    "max_batch_size_dpo": 48,
    "min_batch_size": 8,
}
_LIMITS = {
    "model_name": "m",
    "max_num_epochs": 20,
    "max_num_evals": 100,
    "max_learning_rate": 0.01,
    "min_learning_rate": 1e-8,
    "supports_vision": False,
    "lora_training": {**_TRAINING, "max_rank": 64, "default_rank": 8, "target_modules": ["q_proj"]},
    "full_training": None,
}
