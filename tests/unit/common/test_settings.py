"""Settings: which layer counts, and errors that name the variable."""

from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError
from common.settings import NAMES, Settings, listens, load, without_password


def read(folder: Path, environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load(flags, environ or {}, folder)


def fault(folder: Path, environ: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, environ, **flags)
    return caught.value.message


def test_each_layer_yields_to_the_one_above_it(tmp_path: Path) -> None:
    seen = [read(tmp_path).tick_seconds]
    (tmp_path / "hintrelay.toml").write_text("tick_seconds = 2\n")
    seen.append(read(tmp_path).tick_seconds)
    (tmp_path / ".env").write_text("HINTRELAY_TICK_SECONDS=3\n")
    seen.append(read(tmp_path).tick_seconds)
    environ = {"HINTRELAY_TICK_SECONDS": "4"}
    seen.append(read(tmp_path, environ).tick_seconds)
    seen.append(read(tmp_path, environ, tick_seconds=6.5).tick_seconds)
    seen.append(read(tmp_path, environ, tick_seconds=None).tick_seconds)
    assert seen == [5, 2, 3, 4, 6.5, 4]


def test_an_empty_variable_is_not_given(tmp_path: Path) -> None:
    assert read(tmp_path, {"HINTRELAY_TICK_SECONDS": "", "HINTRELAY_HOME": ""}).tick_seconds == 5


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("tgp_secret\n")
    settings = read(tmp_path, {"TOGETHER_API_KEY_FILE": str(tmp_path / "key")})
    assert settings.api_key.get_secret_value() == "tgp_secret"
    assert "tgp_secret" not in repr(settings)
    both = {"TOGETHER_API_KEY_FILE": str(tmp_path / "key"), "TOGETHER_API_KEY": "direct"}
    assert read(tmp_path, both).api_key.get_secret_value() == "direct"


def test_a_secret_file_of_the_environment_counts_more_than_the_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOGETHER_API_KEY=from-dotenv\n")
    (tmp_path / "key").write_text("from-file")
    environ = {"TOGETHER_API_KEY_FILE": str(tmp_path / "key")}
    assert read(tmp_path, environ).api_key.get_secret_value() == "from-file"


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    environ = {"TOGETHER_API_KEY_FILE": str(tmp_path / "gone")}
    assert (
        fault(tmp_path, environ) == f"TOGETHER_API_KEY_FILE: {tmp_path}/gone cannot be read: No such file or directory"
    )
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    assert fault(tmp_path, {"TOGETHER_API_KEY_FILE": f"{tmp_path}/latin"}).startswith("TOGETHER_API_KEY_FILE: ")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HINTRELAY_TICK_SECONDS", "0", "should be a number, at least 0.05 and at most 3600"),
        ("HINTRELAY_TICK_SECONDS", "soon", "should be a number, at least 0.05"),
        ("HINTRELAY_TICK_SECONDS", "nan", "should be"),
        ("HINTRELAY_LOOK_SECONDS", "nan", "should be"),
        ("HINTRELAY_PLATFORM", "openai", "should be 'sandbox' or 'together'"),
        ("HINTRELAY_LOG_LEVEL", "LOUD", "should be 'CRITICAL', 'DEBUG', 'ERROR', 'INFO' or 'WARNING'"),
        ("HINTRELAY_REDIS_URL", "http://x", "must begin with redis://, rediss://, unix://"),
        ("HINTRELAY_REDIS_URL", "redis://h:port", "Port could not be cast"),
        ("HINTRELAY_BROKER_URL", "redis://h:99999", "Port out of range"),
        ("HINTRELAY_SANDBOX_URL", "localhost:8790", "must be an http:// or https:// URL, not 'localhost:8790'"),
        ("TOGETHER_BASE_URL", "https://", "must be an http:// or https:// URL, not 'https://'"),
        ("HINTRELAY_KEEP_DAYS", "-1", "should be"),
        ("HINTRELAY_KEEP_DAYS", "never", "should be"),
        ("HINTRELAY_EVENTS_KEPT", "10", "should be a whole number, at least 1000"),
    ],
)
def test_an_error_names_the_variable_and_what_is_allowed(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    assert fault(tmp_path, {name: value}).startswith(f"{name}: {sentence}")


def test_a_lease_that_outlasts_a_stage_is_refused_by_the_variables_names(tmp_path: Path) -> None:
    environ = {"HINTRELAY_LEASE_SECONDS": "60", "HINTRELAY_STAGE_LIMIT_SECONDS": "60"}
    assert "HINTRELAY_STAGE_LIMIT_SECONDS must exceed HINTRELAY_LEASE_SECONDS" in fault(tmp_path, environ)


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    for name in ("HINTRELAY_REDIS_URL", "HINTRELAY_SANDBOX_URL"):
        with pytest.raises(ConfigurationError) as caught:
            read(tmp_path, {name: "ftp://user:hunter22@host"})
        assert "hunter22" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"tick_seconds = ", "is not TOML"),
        (b"\xff", "is not TOML"),
        (b"ticks = 3", "unknown key ticks; allowed: redis_url"),
    ],
)
def test_a_toml_file_that_cannot_be_read_is_named(tmp_path: Path, raw: bytes, sentence: str) -> None:
    (tmp_path / "hintrelay.toml").write_bytes(raw)
    assert fault(tmp_path).startswith(f"{tmp_path}/hintrelay.toml: {sentence}")


def test_a_toml_value_of_the_wrong_type_is_refused_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "hintrelay.toml").write_text("platform = 5\n")
    assert fault(tmp_path).startswith("HINTRELAY_PLATFORM: should be")
    (tmp_path / "hintrelay.toml").write_text("home = 5\n")
    assert read(tmp_path).home.name == "5"


def test_a_dotenv_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    assert fault(tmp_path).startswith(f"{tmp_path}/.env: cannot be read")


@pytest.mark.parametrize(
    "url", ["https://api.x.ai", "https://api.x.ai/", "https://api.x.ai/v1", "https://api.x.ai/v1/"]
)
def test_the_platforms_url_may_be_given_with_or_without_v1(tmp_path: Path, url: str) -> None:
    settings = read(tmp_path, {"TOGETHER_BASE_URL": url})
    assert (settings.platform_root, settings.platform_url) == ("https://api.x.ai", "https://api.x.ai/v1")
    assert settings.chat_url == "https://api.x.ai/v1"


@pytest.mark.parametrize(
    ("url", "chat"),
    [
        ("http://h:1", "http://h:1/v1"),
        ("http://h:1/", "http://h:1/v1"),
        ("http://h:1/v1", "http://h:1/v1"),
        ("http://h:1/openai/v2", "http://h:1/openai/v2"),
    ],
)
def test_another_host_may_answer_the_chat(tmp_path: Path, url: str, chat: str) -> None:
    assert read(tmp_path, {"HINTRELAY_INFERENCE_URL": url}).chat_url == chat


def test_the_sandbox_needs_no_key_and_together_does(tmp_path: Path) -> None:
    sandbox = read(tmp_path, {"HINTRELAY_PLATFORM": "sandbox"})
    assert sandbox.api_key.get_secret_value() == "sandbox"
    assert sandbox.platform_url == "http://127.0.0.1:8790/v1"
    for environ in ({}, {"TOGETHER_API_KEY": ""}):
        with pytest.raises(ConfigurationError, match="set TOGETHER_API_KEY") as caught:
            _ = read(tmp_path, environ).api_key
        assert caught.value.hint == "to try hintrelay without a key: hintrelay up --sandbox"


def test_secrets_are_keys_and_the_passwords_of_urls_as_written_and_as_meant(tmp_path: Path) -> None:
    environ = {
        "HINTRELAY_REDIS_URL": "redis://:p%40ssword@h/0",
        "HINTRELAY_BROKER_URL": "rediss://u:brokerpw@h/0",
        "HINTRELAY_INFERENCE_URL": "http://u:infer-pw@h",
        "HINTRELAY_ARTIFACTS": "ftp://u:artifact-pw@h/x",
        "TOGETHER_API_KEY": "tgp_123456",
    }
    assert set(read(tmp_path, environ).secrets()) == {
        "p%40ssword", "p@ssword", "brokerpw", "infer-pw", "artifact-pw", "tgp_123456",
    }  # fmt: skip
    assert read(tmp_path, {"HINTRELAY_PLATFORM": "sandbox"}).secrets() == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@h:1/0", "redis://:***@h:1/0"),
        ("redis://u:s%40c@h/0?x=1", "redis://u:***@h/0?x=1"),
        ("redis://u@h/0", "redis://u@h/0"),
        ("unix:///tmp/x.sock", "unix:///tmp/x.sock"),
        ("redis://u:pw@[::1]:6/0", "redis://u:***@[::1]:6/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_the_store_is_the_broker_where_none_is_given(tmp_path: Path) -> None:
    assert read(tmp_path).broker == read(tmp_path).redis_url == "redis://127.0.0.1:6390/0"
    assert read(tmp_path, broker_url="redis://b/1").broker == "redis://b/1"


def test_home_is_absolute_and_a_tilde_is_the_users(tmp_path: Path) -> None:
    assert read(tmp_path, {"HINTRELAY_HOME": "~/h"}).home == Path.home() / "h"
    assert read(tmp_path).home.is_absolute()
    assert read(tmp_path, home=tmp_path / "a b").artifacts_url == f"file://{tmp_path}/a b/artifacts"


def test_every_field_has_its_variable() -> None:
    assert NAMES["redis_url"] == "HINTRELAY_REDIS_URL"
    assert NAMES["together_api_key"] == "TOGETHER_API_KEY"
    assert set(NAMES) == set(Settings.__struct_fields__)


def test_it_is_told_whether_a_server_listens(valkey_url: str, tmp_path: Path) -> None:
    assert listens(valkey_url)
    assert not listens("redis://127.0.0.1:1/0")
    assert not listens(f"unix://{tmp_path}/none.sock")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", 90 * 86_400_000),
        ("0.5", 43_200_000),
        ("0", None),
        ("forever", None),
        ("1e-9", 1),
        ("36500", 36500 * 86_400_000),
    ],
)
def test_jobs_are_kept_for_days_or_for_ever(tmp_path: Path, given: str, kept: int | None) -> None:
    environ = {"HINTRELAY_KEEP_DAYS": given} if given else {}
    assert load(environ=environ, folder=tmp_path).keep_ms == kept
