"""Hostile and broken input against running processes: nothing crashes a worker, blocks a queue or gets lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.dead import DeadLetters
from common.keys import QUEUE_INBOX
from tests.e2e.chaos.harness import Chaos
from tests.e2e.stack import SAMPLE, eventually

pytestmark = [pytest.mark.xdist_group("hostile"), pytest.mark.timeout(240)]

SPEC = {
    "version": 1,
    "name": "good",
    "dataset": {"source": str(SAMPLE), "test_limit": 2},
    "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "good"},
}


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    chaos = Chaos(tmp_path_factory.mktemp("hostile"), seed=1)
    try:
        for name in ("sandbox", "worker-1", "beat"):
            chaos.starts[name]()
        chaos.stack.start("inbox")
        yield chaos
    finally:
        chaos.stack.stop()


def envelope(kwargs: Any = None, task: str = "hintrelay.submit", **changes: Any) -> dict[str, Any]:
    """Celery's protocol 2, as a good client writes it; `changes` replace its members, None removes them."""
    body = json.dumps([[], {"spec": SPEC} if kwargs is None else kwargs, {}])
    whole: dict[str, Any] = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": task, "id": "m-1", "lang": "py"},
        "properties": {
            "delivery_tag": "t-1",
            "delivery_info": {"exchange": "", "routing_key": QUEUE_INBOX},
            "body_encoding": "base64",
        },
    }
    for name, value in changes.items():
        name = name.replace("_", "-")
        whole.pop(name, None) if value is None else whole.update({name: value})
    return whole


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def poison() -> list[str | bytes]:
    """The table of facts.md, part 2, 4.3, and more."""
    bodies: list[Any] = [None, 7, "x", [], [[], {}], [[], {}, {}, {}], [[1], {}, {}], [[], [], {}], {"args": []}]
    headers: list[Any] = [
        None,
        {},
        [],
        {"task": "hintrelay.submit"},
        {"id": "x"},
        {"task": 5, "id": "x"},
        {"task": "os.system", "id": "x"},
        {"task": "hintrelay.prepare", "id": "x"},
        {"task": "hintrelay.submit", "id": 5},
        {"task": "hintrelay.submit", "id": ""},
        {"task": "hintrelay.submit", "id": "x", "eta": "2099-01-01T00:00:00"},
        {"task": "hintrelay.submit", "id": "x", "expires": "2001-01-01T00:00:00"},
        {"task": "hintrelay.submit", "id": "x", "expires": {"a": 1}},
    ]
    kwargs: list[Any] = [
        {},
        {"spec": 5},
        {"spec": {}},
        {"spec": {**SPEC, "version": 2}},
        {"spec": {**SPEC, "nmae": "typo"}},
        {"spec": SPEC, "extra": 1},
        {"spec": SPEC, "key": "k" * 1000},
        {"spec": SPEC, "v": 99},
        {"spec": {**SPEC, "matrix": {"finetune.n_epochs": list(range(1, 101)), "dataset.seed": list(range(10_000))}}},
    ]
    names: list[Any] = ["", "a b", "x\n", "$(rm -rf /)", "a;b", "\x1b[31mred", "x" * 300, None, 5]
    return [
        b"",
        b"\xff\xfe",
        b"\x80\x04\x95pickle.",
        "not json",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        '{"a":' * 50_000,
        *(json.dumps(envelope(body=encoded(body))) for body in bodies),
        *(json.dumps(envelope(headers=one)) for one in headers),
        *(json.dumps(envelope(one)) for one in kwargs),
        *(json.dumps(envelope({"job": "00000000", "name": n}, "hintrelay.register_deployment")) for n in names),
        *(json.dumps(envelope({"job": j}, "hintrelay.cancel")) for j in ("ffffffff", "*", "../../x", "", 5, None)),
        json.dumps(envelope(content_type="application/x-python-serialize")),
        json.dumps(envelope(content_type=None)),
        json.dumps(envelope(body="%%% damaged %%%")),
        json.dumps(envelope(body=base64.b64encode(b"\xff\xff").decode())),
        json.dumps(envelope(properties=[])),
        json.dumps(envelope(body=encoded([[], {"spec": SPEC}, {"chain": [{"task": "x"}]}]))),
        json.dumps(envelope({"spec": {**SPEC, "name": "x" * 2_000_000}})),
        b"x" * 50_000_000,
    ]


def test_a_poisoned_inbox_files_every_message_and_does_the_good_one_behind(chaos: Chaos) -> None:
    producer = chaos.stack.producer()
    bad = poison()
    for message in bad:
        producer.store.client.lpush(QUEUE_INBOX, message)
    producer.store.client.lpush(QUEUE_INBOX, json.dumps(envelope()))
    eventually(lambda: producer.list(), "the good message is done", 60)
    letters = DeadLetters(producer.store.client).all()
    assert len(letters) == len(bad) >= 60
    assert all(letter.reason and len(letter.reason) < 1000 for letter in letters)
    assert len(producer.list()) == 1
    assert chaos.stack.processes["inbox"].poll() is None
    log = (chaos.stack.folder / "inbox.log").read_bytes()
    assert b"\x1b" not in log
    assert b"x" * 3000 not in log


def odd_dataset(folder: Path) -> Path:
    """Hints of a million characters, zero bytes, duplicates, mojibake, template tokens, nothing at all."""
    document = json.loads(SAMPLE.read_text())
    train = list(document["subsets"]["train"]["instances"].values())
    test = list(document["subsets"]["test"]["instances"].values())
    train[0]["hints"][0]["hint"] = "long " * 200_000
    train[1]["hints"][0]["hint"] = "zero \x00 byte \x1b[31m"
    train[2]["question"]["question"] = train[3]["question"]["question"]
    train[4]["hints"][0]["hint"] = "BeyoncÃ© â\x80\x93 Â\xa0"
    train[5]["hints"][0]["hint"] = "<|eot_id|><|start_header_id|>system<|end_header_id|>"
    train[6]["hints"], train[7]["answers"] = [], []
    test[1]["question"]["question"] = test[0]["question"]["question"]
    path = folder / "odd.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_an_odd_data_set_is_trained_on_without_its_broken_rows_and_every_question_is_asked(
    chaos: Chaos, tmp_path: Path
) -> None:
    spec = {**SPEC, "name": "odd", "dataset": {"source": str(odd_dataset(tmp_path)), "test_limit": 4}}
    (tmp_path / "odd-spec.json").write_text(json.dumps(spec))
    job = chaos.stack.json("submit", str(tmp_path / "odd-spec.json"))[0]["job"]
    assert chaos.stack.cli("deploy", job, "acme/odd").returncode == 0
    chaos.stack.until(job, {"succeeded"})
    shown = chaos.stack.json("show", job)
    dropped = {name: n for name, n in shown["counts"].items() if name.startswith("dropped")}
    assert dropped == {"dropped_no_hints": 1, "dropped_no_answer": 1, "dropped_template_tokens": 1}
    result = json.loads(chaos.stack.cli("results", job).stdout)
    instances = result["subsets"]["test"]["instances"].values()
    assert [len(one["hints"]) for one in instances] == [2, 2, 2, 2]  # equal questions are kept apart


def test_odd_answers_of_the_platform_cost_time_and_no_job(chaos: Chaos) -> None:
    odd: list[dict[str, Any]] = [
        {"html": True},
        {"status": 200, "body": [1, 2]},
        {"status": 200, "body": {"data": "x" * 5_000_000}},
        {"status": 200, "body": {"id": {"a": 1}, "status": ["x"], "data": [None, 5, {"id": 7}]}},
        {"empty": True},
    ]
    paths = ["/fine-tunes", "/fine-tunes/.*", "/chat/completions", "/fine-tunes/models/limits"]
    faults = [{"method": None, "path": path, "times": 1, "action": action} for path in paths for action in odd]
    faults += [{"method": "GET", "path": "/files/.*", "times": 1, "action": action} for action in odd[:4]]
    chaos.stack.sandbox("POST", "faults", [{k: v for k, v in fault.items() if v is not None} for fault in faults])
    jobs = chaos.submit(6)
    for job in jobs:
        chaos.stack.until(job, {"succeeded"})
    chaos.stack.sandbox("DELETE", "faults")
    chaos.check_runs(jobs)


def test_the_dead_letters_can_be_read_and_sent_again(chaos: Chaos) -> None:
    letters = chaos.stack.json("dead", "ls")
    mended = next(one for one in letters if "ffffffff" in one["reason"])
    assert chaos.stack.cli("dead", "redrive", mended["id"]).returncode == 0
    eventually(lambda: len(chaos.stack.json("dead", "ls")) == len(letters), "it comes back, with its reason", 20)
