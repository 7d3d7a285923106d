"""redis-py's errors into ours, with what can be done about them."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.sentinel import MasterNotFoundError

from common.errors import ConfigurationError, HintrelayError, Unreachable
from common.urls import DEFAULT_REDIS_URL, without_password


def translated(exc: Exception, url: str) -> HintrelayError | None:
    """Our error for one of redis-py's; None for a fault that is no matter of the server's."""
    shown = without_password(url)
    if isinstance(exc, AuthenticationError):
        return ConfigurationError(f"Redis at {shown} refuses the login: {exc}")
    if isinstance(exc, (ConnectionError, TimeoutError)):
        return _unreachable(exc, url)
    if isinstance(exc, ResponseError):
        return _refused(exc, shown)
    if isinstance(exc, RedisError):
        hint = "is it a Redis that listens there? set HINTRELAY_REDIS_URL to one"
        return Unreachable(f"Redis at {shown}: {_short(exc)}", hint=hint)
    return None


def _unreachable(exc: Exception, url: str) -> Unreachable:
    shown = without_password(url)
    if "CERTIFICATE_VERIFY_FAILED" in str(exc):
        fault = str(exc).partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return Unreachable(
            f"Redis at {shown} shows a certificate that is not trusted here: {fault}",
            hint="name the CA that signed it: rediss://host:port/0?ssl_ca_certs=/path/to/ca.pem",
        )
    how = "hintrelay up starts one" if url == DEFAULT_REDIS_URL else "start it, or set HINTRELAY_REDIS_URL"
    return Unreachable(f"Redis at {shown} cannot be reached: {_short(exc)}", hint=how)


def _refused(exc: ResponseError, shown: str) -> HintrelayError | None:
    if isinstance(exc, NoPermissionError) or "ACL failure" in str(exc):  # the latter: inside a script
        return ConfigurationError(
            f"Redis at {shown} does not allow this user to do that: {_short(exc)}",
            hint="docs/security.md has the rules for each role",
        )
    if refusal := _refusal(exc):
        why, hint = refusal
        return Unreachable(f"Redis at {shown} refuses to write: {why}", hint=hint)
    return None


def _refusal(exc: ResponseError) -> tuple[str, str] | None:
    """(why, what to do), where Redis works but does not write. redis-py takes the word off most of these errors, and
    puts the command before those from a pipeline."""
    words = str(exc)
    if isinstance(exc, OutOfMemoryError) or "OOM command" in words:
        return "its memory is full (maxmemory)", "give it more memory, or remove what is not needed; nothing was stored"
    if isinstance(exc, ReadOnlyError) or "READONLY" in words:
        return "it is a replica", "name the master, or its Sentinels: redis+sentinel://host1,host2/0/service"
    if "MISCONF" in words:
        return "it cannot write to its disk", "its own log tells why; nothing was stored"
    if "BUSY" in words:
        return "it is busy with a script", "try again"
    return None


def _short(exc: BaseException) -> str:
    if isinstance(exc, MasterNotFoundError):  # its own words are a page of connection options
        return "none of these Sentinels answers and names a living master of the service"
    return " ".join(str(exc).split())[:200].rstrip(".") or type(exc).__name__
