"""Two processes and a platform that takes so many requests a second: few are refused, all come through."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from common.connection import Client
from common.keys import Keys
from tests.e2e.stack import ROOT
from worker.adapters.together import TogetherPlatform
from worker.pacing import Paces

RPS = 20.0


@pytest.fixture
def limited(control: httpx.Client) -> Iterator[httpx.Client]:
    control.post("/limits", json={"platform_rps": RPS, "burst": 5}).raise_for_status()
    yield control
    control.delete("/limits")


def two_processes(redis_url: str, sandbox_url: str, each: int) -> float:
    """Requests a second that came through; all of them do."""
    command = [sys.executable, "-m", "tests.integration.pace_probe", redis_url, sandbox_url, str(each)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    ended = [json.loads(text.splitlines()[-1]) for text in told]
    assert [one["done"] for one in ended] == [each, each]
    return 2 * each / max(float(one["seconds"]) for one in ended)


def test_two_processes_keep_one_limit_and_go_faster_again_when_it_is_lifted(
    valkey: Client, valkey_url: str, sandbox_url: str, limited: httpx.Client
) -> None:
    slow = two_processes(valkey_url, sandbox_url, 40)
    refused = limited.get("/limits").json()["refused"]
    assert refused <= 0.15 * 80
    assert valkey.zcard(Keys.paces) == 1
    limited.delete("/limits")
    assert two_processes(valkey_url, sandbox_url, 200) > 1.2 * slow


def test_a_call_that_sends_several_requests_keeps_the_limit_too(
    valkey: Client, sandbox_url: str, limited: httpx.Client, tmp_path: Path
) -> None:
    """Found by use: an upload is three requests, was taken for one, and each refusal halved the rate of everybody."""
    limited.post("/limits", json={"platform_rps": 6, "burst": 1}).raise_for_status()
    pace = Paces(valkey, "5f0c2a91b3d4", platform_rps=5).of_platform()
    platform = TogetherPlatform(base_url=f"{sandbox_url}/v1", api_key="any", timeout_s=10, pace=pace)
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(f'{{"text": "{secrets.token_hex(8)}"}}\n')
        platform.upload(path, lambda done, total: None)
    assert limited.get("/limits").json()["refused"] == 0
