"""Settings that keep strangers out: the message key, and what a rediss:// URL may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import tls
from common.errors import ConfigurationError
from common.settings import Settings, load

KEY, OLD = "0123456789abcdef-new", "0123456789abcdef-old"


def read(folder: Path, **environ: str) -> Settings:
    return load(environ=environ, folder=folder)


def fault(folder: Path, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, **environ)
    return caught.value.message


def test_without_a_key_messages_are_not_signed(tmp_path: Path) -> None:
    assert read(tmp_path).message_keys == []
    assert read(tmp_path, HINTRELAY_MESSAGE_KEY="").message_keys == []


def test_several_keys_stand_in_their_order_and_none_is_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, HINTRELAY_MESSAGE_KEY=f"{KEY}, {OLD}")
    assert settings.message_keys == [KEY, OLD]
    assert {KEY, OLD} <= set(settings.secrets())
    assert KEY not in repr(settings)


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert read(tmp_path, HINTRELAY_MESSAGE_KEY_FILE=str(tmp_path / "key")).message_keys == [KEY]


def test_an_empty_file_of_the_key_is_refused_for_nothing_would_be_checked(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    told = fault(tmp_path, HINTRELAY_MESSAGE_KEY_FILE=str(tmp_path / "key"))
    assert told == "HINTRELAY_MESSAGE_KEY_FILE: the file is empty, and no message would be checked"


@pytest.mark.parametrize("key", ["short", f"{KEY},", f",{KEY}", f"{KEY},short", " "])
def test_a_key_that_can_be_guessed_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    told = fault(tmp_path, HINTRELAY_MESSAGE_KEY=key)
    assert "each key of HINTRELAY_MESSAGE_KEY must have at least 16 characters" in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("rediss://h/0?ssl_cert_reqs=none", "ssl_cert_reqs must be required: certificates are always checked"),
        ("rediss://h/0?ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs must be required"),
        ("rediss://h/0?ssl_cert_reqs=", "ssl_cert_reqs must be required"),
        ("rediss://h/0?ssl_cert_reqs=required&ssl_cert_reqs=none", "ssl_cert_reqs must be required"),
        ("rediss://h/0?ssl_check_hostname=false", "ssl_check_hostname must be true"),
        ("rediss://h/0?ssl_exclude_verify_flags=x", "ssl_exclude_verify_flags is not known; allowed: ssl_ca_certs"),
        ("rediss://h/0?ssl_ca_certs=/no/such.pem", "ssl_ca_certs: there is no /no/such.pem"),
        ("redis://h/0?ssl_ca_certs=/etc", "ssl_ca_certs needs rediss://, for redis:// is not encrypted"),
        ("rediss://h/0?password=canary", "password belongs before the host"),
    ],
)
def test_a_url_that_asks_for_less_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    for name in ("HINTRELAY_REDIS_URL", "HINTRELAY_BROKER_URL"):
        told = fault(tmp_path, **{name: url})
        assert told.startswith(f"{name}: {sentence}")
        assert "canary" not in told


def test_a_url_may_name_its_ca_and_say_what_is_so_anyway(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    url = f"rediss://u:pass@h:6380/0?ssl_ca_certs={ca}&ssl_cert_reqs=required&ssl_check_hostname=true"
    assert read(tmp_path, HINTRELAY_REDIS_URL=url).redis_url == url


def test_kombu_is_told_to_check_where_there_is_something_to_check() -> None:
    assert tls.for_kombu("rediss://h/0") == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert tls.for_kombu("redis://h/0") is None
