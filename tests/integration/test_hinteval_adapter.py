"""HintEval as guest, in processes of its own: its import is heavy and changes whatever imports it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

from tests.e2e.stack import ROOT, clean_environ


def run(code: str) -> dict[str, object]:
    """The JSON that `code` prints last, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={**clean_environ(), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_its_import_silences_nobody_and_asks_no_network() -> None:
    seen = run(
        """
        import json, logging, socket, threading, warnings
        calls = []
        connect = socket.socket.connect
        socket.socket.connect = lambda self, address: (calls.append(repr(address)), connect(self, address))[1]
        from worker.adapters import hinteval
        before = list(warnings.filters)
        hinteval.load()
        print(json.dumps({
            "disabled": logging.root.manager.disable, "filters": before == list(warnings.filters), "calls": calls,
            "threads": [t.name for t in threading.enumerate() if t is not threading.main_thread()],
        }))
        """
    )
    assert seen == {"disabled": 0, "filters": True, "calls": [], "threads": []}


def test_what_is_asked_is_word_for_word_what_was_trained() -> None:
    seen = run(
        """
        import json, threading
        from http.server import BaseHTTPRequestHandler, HTTPServer
        bodies = []
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                answer = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "1. a\\n2. b"}}]})
                self.send_response(200); self.send_header("Content-Type", "application/json"); self.end_headers()
                self.wfile.write(answer.encode())
            def log_message(self, *a): pass
        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        from worker.adapters import hinteval
        from common.spec import GenerateSpec
        hinteval.load()
        model = hinteval.HintEvalModel(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="k")
        wanted = GenerateSpec(num_of_hints=2, max_tokens=64)
        answer = model.begin("m", "What is it?", 'a "quoted" one', wanted).result(20)
        from common.prompts import training_row
        trained = training_row("messages", "What is it?", 'a "quoted" one', ["a", "b"])["messages"]
        print(json.dumps({"asked": bodies[0]["messages"], "trained": trained, "hints": list(answer.hints),
                          "tokens": bodies[0]["max_tokens"]}))
        """
    )
    trained = seen["trained"]
    assert isinstance(trained, list)
    assert seen["asked"] == trained[:2]
    assert (seen["hints"], seen["tokens"]) == (["a", "b"], 64)
