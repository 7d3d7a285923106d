"""Signed messages: what the key's holder wrote is believed once, for a while; nothing else is."""

import json
from typing import Any

import pytest

from common.errors import InvalidMessage
from common.signing import mac, sign, verify

KEY, OTHER = "a-key-of-some-length", "another-key-of-length"
TASK, KWARGS = "hintrelay.cancel", {"job": "abc123"}
NOW, AGE = 1_800_000_000_000, 300_000
NONCE = "nonce-of-16-chars"


def signed(**changes: Any) -> dict[str, Any]:
    """A good message, with members of `auth` (or `signed`) changed; ... removes one."""
    made = sign(TASK, KWARGS, KEY, at_ms=NOW, nonce=NONCE)
    for name, value in changes.items():
        here = made if name == "signed" else made["auth"]
        if value is ...:
            del here[name]
        else:
            here[name] = value
    return made


def check(kwargs: dict[str, Any], task: str = TASK, keys: tuple[str, ...] = (KEY,), now_ms: int = NOW) -> Any:
    opened = verify(task, kwargs, keys, now_ms=now_ms, age_ms=AGE)
    return json.loads(opened.text)


def refusal(kwargs: dict[str, Any], **more: Any) -> str:
    with pytest.raises(InvalidMessage) as caught:
        check(kwargs, **more)
    return caught.value.message


@pytest.mark.parametrize(
    "kwargs",
    [{}, KWARGS, {"x": 1e-5, "y": 1.0, "z": 1}, {"ä": "日本 \u2028 \x00 \ud800"}, {"deep": [{"a": [None, True]}]}],
)
def test_what_is_signed_comes_out_as_it_was(kwargs: dict[str, Any]) -> None:
    sent = json.loads(json.dumps(sign(TASK, kwargs, KEY, at_ms=NOW)))
    assert check(sent) == kwargs


def test_the_mac_is_what_the_page_says() -> None:
    """Computed by `printf 'hintrelay.cancel\\n1\\n<nonce>\\n{}' | openssl dgst -sha256 -hmac a-key-of-some-length`."""
    assert mac(TASK, 1, NONCE, "{}", KEY) == "a6b35f9befd5be761e50d4d722c2c5b111e8051100963307ed1d00bc45de3959"


def test_each_message_has_a_nonce_and_a_time_of_its_own() -> None:
    first, second = sign(TASK, KWARGS, KEY), sign(TASK, KWARGS, KEY)
    assert first["auth"]["nonce"] != second["auth"]["nonce"]
    assert first["auth"]["at"] > 1_700_000_000_000


def test_any_of_several_keys_verifies() -> None:
    assert check(signed(), keys=(OTHER, KEY)) == KWARGS
    assert "the signature is wrong" in refusal(signed(), keys=(OTHER,))
    assert "the signature is wrong" in refusal(signed(), keys=())


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        (KWARGS, "only signed messages are accepted here"),
        ({}, "only signed messages are accepted here"),
        ({**signed(), "job": "abc"}, "only signed messages are accepted here"),
        ({"signed": "{}"}, "only signed messages are accepted here"),
        ({"auth": signed()["auth"]}, "only signed messages are accepted here"),
        ({**signed(), "auth": "x"}, "only signed messages are accepted here"),
        (signed(signed={"job": "abc"}), "only signed messages are accepted here"),
        (signed(mac=...), "only signed messages are accepted here"),
        (signed(more=1), "only signed messages are accepted here"),
        (signed(signed='{"job": "abc124"}'), "the signature is wrong"),
        (signed(signed='{"job":"abc123"}'), "the signature is wrong"),
        (signed(signed="\ud800"), "the signed text cannot be written in UTF-8"),
        (signed(at=NOW + 1), "the signature is wrong"),
        (signed(at=10**5000), "the signed text cannot be written in UTF-8"),
        (signed(at=str(NOW)), "auth.at must be ms since 1970, a whole number"),
        (signed(at=float(NOW)), "auth.at must be ms since 1970, a whole number"),
        (signed(at=True), "auth.at must be ms since 1970, a whole number"),
        (signed(nonce="another-of-16-chars"), "the signature is wrong"),
        (signed(nonce="short"), "auth.nonce must be 16 to 64 of letters"),
        (signed(nonce="x" * 65), "auth.nonce must be 16 to 64 of letters"),
        (signed(nonce="a-nonce-with\n-an-end"), "auth.nonce must be 16 to 64 of letters"),
        (signed(nonce="a-nonce-of-16-chars\n"), "auth.nonce must be 16 to 64 of letters"),
        (signed(nonce=5), "auth.nonce must be 16 to 64 of letters"),
        (signed(mac="0" * 64), "the signature is wrong"),
        (signed(mac="ä" * 64), "auth.mac must be 64 hex digits in lower case"),
        (signed(mac=None), "auth.mac must be 64 hex digits in lower case"),
    ],
)
def test_what_is_not_signed_or_not_well_is_refused(kwargs: dict[str, Any], reason: str) -> None:
    assert refusal(kwargs).startswith(reason)


def test_a_signature_is_for_one_task() -> None:
    assert refusal(signed(), task="hintrelay.retry").startswith("the signature is wrong")


@pytest.mark.parametrize("away_ms", [0, AGE, -AGE])
def test_a_message_is_good_for_its_age_on_both_sides(away_ms: int) -> None:
    assert check(signed(), now_ms=NOW + away_ms) == KWARGS


def test_an_old_message_and_one_from_the_future_are_refused_with_how_far_they_are_off() -> None:
    assert refusal(signed(), now_ms=NOW + AGE + 1000).startswith("the message is too old: signed 301 s ago")
    assert refusal(signed(), now_ms=NOW - AGE - 1000).startswith("the message is too far ahead: signed 301 s from now")


def test_no_refusal_tells_the_mac_or_the_key() -> None:
    good = signed()["auth"]["mac"]
    for changes in ({"nonce": "another-of-16-chars"}, {"at": NOW + 1}, {"signed": "{}"}):
        told = refusal(signed(**changes))
        assert good not in told
        assert KEY not in told
        assert mac(TASK, NOW, NONCE, "{}", KEY) not in told
