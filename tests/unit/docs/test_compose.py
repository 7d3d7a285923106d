"""docker-compose.yml and the Dockerfile, read as text: no engine is needed to see that they name what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from common.settings import NAMES
from producer.cli.root import cli

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SECRET = re.compile(r"key|token|password|secret", re.IGNORECASE)


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments), continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def stages(text: str) -> dict[str, str]:
    """name of each stage -> what it builds on."""
    froms = [rest.split() for word, rest in instructions(text) if word == "FROM"]
    return {words[2]: words[0] for words in froms}


def of_stage(name: str) -> list[tuple[str, str]]:
    """The instructions of a stage and of those it builds on."""
    found: list[tuple[str, str]] = []
    here = ""
    for word, rest in instructions(DOCKERFILE):
        if word == "FROM":
            here = rest.split()[2]
        elif here == name:
            found.append((word, rest))
    base = stages(DOCKERFILE)[name]
    return [*(of_stage(base) if base in stages(DOCKERFILE) else []), *found]


def ignored(name: str) -> bool:
    """Whether .dockerignore keeps a top-level name out of the build."""
    return f"!{name}" not in (ROOT / ".dockerignore").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_every_service_of_ours_can_be_typed(name: str) -> None:
    words: list[str] = OURS[name]["command"]
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None, f"hintrelay has no command {words[0]}"
    if words[0] == "sandbox":
        from sandbox.__main__ import main as command
    command.make_context(words[0], list(words[1:]), obj=object())


@pytest.mark.parametrize("name", OURS)
def test_every_service_of_ours_builds_a_target_of_the_dockerfile(name: str) -> None:
    service = OURS[name]
    assert service["build"]["target"] in stages(DOCKERFILE)
    assert service["image"] == f"hintrelay:{service['build']['target']}"


def test_the_roles_of_one_machine_are_all_there() -> None:
    roles = {service["command"][0] for service in OURS.values() if "profiles" not in service}
    assert roles == {"worker", "inbox", "beat"}
    served = {service["command"][2] for service in OURS.values() if service["command"][0] == "worker"}
    assert served == {"platform", "hints"}


def test_every_name_that_is_depended_on_is_a_service() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_every_service_that_must_be_healthy_can_say_so() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    known = {*NAMES.values(), *(f"{known}_FILE" for known in NAMES.values())}
    assert set(OURS[name].get("environment", {})) <= known


def test_every_variable_that_compose_fills_in_is_a_setting_with_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    filled = re.findall(r"\$\{([A-Z_]+)(:-)?", text)
    known = {*NAMES.values(), *(f"{known}_FILE" for known in NAMES.values())}
    assert filled
    assert all(name in known and default for name, default in filled)


def test_every_volume_and_secret_that_is_used_is_declared() -> None:
    for service in SERVICES.values():
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in volumes if not name.startswith((".", "/"))} <= set(COMPOSE["volumes"])
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_no_secret_stands_in_either_file() -> None:
    for service in OURS.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert str(value).startswith(("${", "/run/secrets/")), name
    for word, rest in instructions(DOCKERFILE):
        assert not (word in {"ENV", "ARG"} and SECRET.search(rest)), rest
    assert not any(SECRET.search(rest) for word, rest in instructions(DOCKERFILE) if word == "COPY")


def test_only_workers_get_the_key() -> None:
    with_key = {name for name, service in OURS.items() if "TOGETHER_API_KEY" in service["environment"]}
    assert with_key == {name for name, service in OURS.items() if service["command"][0] == "worker"}


def test_valkey_is_durable_never_evicts_and_is_published_on_this_machine_only() -> None:
    valkey = SERVICES["valkey"]
    words = " ".join(valkey["command"])
    assert "--appendonly yes" in words
    assert "--maxmemory-policy noeviction" in words
    assert all(port.startswith("127.0.0.1:") for port in valkey["ports"])
    assert not any("ports" in service for service in OURS.values())


def test_stopping_waits_longer_than_a_role_takes_to_stop() -> None:
    from common.supervisor import GRACE_S

    for service in OURS.values():
        assert int(service["stop_grace_period"].removesuffix("s")) > GRACE_S


def test_beat_may_be_scaled() -> None:
    assert "container_name" not in SERVICES["beat"]
    assert "ports" not in SERVICES["beat"]


@pytest.mark.parametrize("target", ["platform", "hints"])
def test_an_image_runs_hintrelay_as_a_user_without_rights(target: str) -> None:
    found = dict(of_stage(target))
    assert found["ENTRYPOINT"] == '["hintrelay"]'
    assert found["USER"] not in {"root", "0"}
    assert stages(DOCKERFILE)[target] == "run"
    assert stages(DOCKERFILE)["run"] == "python:3.11-slim"


def test_only_the_hints_image_has_the_hints_extra() -> None:
    installs = {"platform": "install", "hints": "install-hints"}
    for target, source in installs.items():
        copies = [rest for word, rest in of_stage(target) if word == "COPY"]
        assert copies == [f"--from={source} /opt/hintrelay /opt/hintrelay"]
        extra = any("[hints]" in rest for word, rest in of_stage(source) if word == "RUN")
        assert extra == (target == "hints")


def test_every_install_is_held_to_the_lock_file() -> None:
    installs = [
        rest for word, rest in instructions(DOCKERFILE) if word == "RUN" and " install " in rest and "pip" in rest
    ]
    assert len(installs) == 2
    assert all("-c requirements.lock" in rest for rest in installs)


def test_what_is_copied_into_the_build_exists_and_is_not_ignored() -> None:
    copied = [rest.split()[:-1] for word, rest in of_stage("install") if word == "COPY"]
    names = {name for words in copied for name in words}
    assert {"common", "producer", "worker", "sandbox", "pyproject.toml", "requirements.lock"} <= names
    assert all((ROOT / name).exists() and not ignored(name) for name in names)
