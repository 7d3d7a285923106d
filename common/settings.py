"""The one reader of the environment: flag > environment > .env > hintrelay.toml > default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta

from common import sentinel, tls
from common.errors import ConfigurationError
from common.layers import read
from common.secret import Secret
from common.urls import DEFAULT_REDIS_URL as DEFAULT_REDIS_URL
from common.urls import listens as listens
from common.urls import without_password as without_password

TOGETHER_URL = "https://api.together.ai"
KEY_LEAST = 16  #: characters; fewer can be guessed by who sees one signed message
REDIS_SCHEMES = ("redis", "rediss", "unix", sentinel.SCHEME)


def _redis_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in REDIS_SCHEMES:
        raise ValueError(f"must begin with {', '.join(f'{s}://' for s in REDIS_SCHEMES)}")
    tls.check(url)
    if sentinel.is_sentinel(url):
        sentinel.parse(url)
        return url
    _ = parts.port  # raises ValueError for one that is none
    return url


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"must be an http:// or https:// URL, not {without_password(url)!r}")
    _ = parts.port  # raises ValueError for one that is none
    return url.rstrip("/")


def _days(given: str) -> str:
    return "0" if given == "forever" else given


#: what is more than a type: field -> the value as it is kept. Raises ValueError
CHECKS: dict[str, Callable[[str], str]] = {
    "redis_url": _redis_url,
    "broker_url": _redis_url,
    "sandbox_url": _http_url,
    "together_base_url": _http_url,
    "inference_url": _http_url,
    "keep_days": _days,
}
Seconds = Annotated[float, Meta(gt=0, le=86400)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set, validated by `load`; the unit stands in each number's name.

    Not a model of pydantic's, whose import is a fifth of an idle worker's memory and of a short command's time.
    """

    redis_url: str = DEFAULT_REDIS_URL
    broker_url: str = ""
    platform: Literal["together", "sandbox"] = "together"
    sandbox_url: str = "http://127.0.0.1:8790"
    together_api_key: Secret | None = None
    together_base_url: str = TOGETHER_URL
    inference_url: str | None = None
    message_key: Secret | None = None  #: several with ',' between: the first signs, all verify
    message_age_seconds: Seconds = 300.0  #: a signed message may be so old, or so far ahead of Redis's clock
    data_roots: str = ""
    artifacts: str = ""
    home: Path = Path()
    tick_seconds: Annotated[float, Meta(ge=0.05, le=3600)] = 5.0
    log_format: Literal["console", "json"] | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    lease_seconds: Annotated[float, Meta(ge=0.5, le=3600)] = 30.0  #: renewed three times within it
    stage_limit_seconds: Seconds = 3600.0  #: no longer does one claim of a stage renew its lease
    nudge_seconds: Seconds = 15.0  #: a message that led to nothing for so long counts as lost and is sent again
    look_seconds: Seconds = 60.0  #: a job in training is looked at this often though no change was seen
    #: while no run can change, by the platform's own estimates, its list is asked for this often; 0: at every tick
    poll_max_seconds: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    request_timeout_seconds: Seconds = 60.0  #: of one request to the platform
    doubt_seconds: Seconds = 45.0  #: a run whose creation was not confirmed may appear in the platform's list this late
    platform_concurrency: Annotated[int, Meta(ge=1, le=512)] = 16  #: threads of the platform worker
    max_running: Annotated[int, Meta(ge=1, le=100_000)] | None = None  #: runs at the platform at once
    platform_rps: Annotated[float, Meta(gt=0, le=10_000)] | None = None  #: requests/s to the platform, of all workers
    model_rps: Annotated[float, Meta(gt=0, le=10_000)] | None = None  #: requests/s to each model, of all workers
    hints_concurrency: Annotated[int, Meta(ge=1, le=64)] = 2  #: processes of the hints worker
    max_backlog: Annotated[int, Meta(ge=1)] = 100  #: messages in a queue above which nobody needs one more nudge
    max_endpoints: Annotated[int, Meta(ge=1, le=1000)] = 4  #: that run at once, over all jobs
    provision_seconds: Annotated[float, Meta(ge=10, le=86400)] = 1800.0  #: an endpoint not ready by then is given up
    installation: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,8}$")] | None = None  #: in its endpoints' names
    prices: str = ""  #: TOML file of prices for local estimates; else the one that hintrelay brings
    keep_days: Annotated[float, Meta(ge=0, le=36500)] = 90.0  #: a job that ended so long ago is forgotten; 0: never
    events_kept: Annotated[int, Meta(ge=1000)] = 1_000_000  #: entries of the event stream, about

    @property
    def message_keys(self) -> list[str]:
        """Keys of signed messages: the first signs, all verify. Without one, messages are not signed."""
        if self.message_key is None or not self.message_key.get_secret_value():
            return []
        return [key.strip() for key in self.message_key.get_secret_value().split(",")]

    @property
    def keep_ms(self) -> int | None:
        """How long finished jobs are kept; None: for ever."""
        return max(1, int(self.keep_days * 86_400_000)) if self.keep_days else None

    @property
    def broker(self) -> str:
        return self.broker_url or self.redis_url

    @property
    def platform_root(self) -> str:
        """The platform's URL without /v1."""
        url = self.sandbox_url if self.platform == "sandbox" else self.together_base_url
        return url.removesuffix("/v1")

    @property
    def platform_url(self) -> str:
        """What the Together SDK 2.x takes as base_url."""
        return self.platform_root + "/v1"

    @property
    def chat_url(self) -> str:
        """What an OpenAI client takes as base_url."""
        if self.inference_url is None:
            return self.platform_url
        return self.inference_url if urlsplit(self.inference_url).path else self.inference_url + "/v1"

    @property
    def api_key(self) -> Secret:
        """The platform's key; the sandbox takes any. Raises ConfigurationError when there is none."""
        if self.platform == "sandbox":
            return self.together_api_key or Secret("sandbox")
        if self.together_api_key is None or not self.together_api_key.get_secret_value():
            raise ConfigurationError(
                "there is no key for Together: set TOGETHER_API_KEY (or TOGETHER_API_KEY_FILE)",
                hint="to try hintrelay without a key: hintrelay up --sandbox",
            )
        return self.together_api_key

    @property
    def artifacts_url(self) -> str:
        return self.artifacts or f"file://{(self.home / 'artifacts').absolute()}"  # fsspec reads no %20

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"

    def secrets(self) -> list[str]:
        """Values that must never be seen: keys, and passwords in URLs."""
        urls = (
            self.redis_url,
            self.broker,
            self.sandbox_url,
            self.together_base_url,
            self.inference_url,
            self.artifacts,
        )
        written = [urlsplit(url).password or "" for url in urls if url]
        values = [*written, *map(unquote, written)]
        if self.together_api_key is not None:
            values.append(self.together_api_key.get_secret_value())
        values += self.message_keys
        return sorted({value for value in values if len(value) >= 4 and value != "sandbox"})


#: name in the environment -> field; the first is how it is spelled in errors
NAMES: dict[str, str] = {
    field: field.upper() if field.startswith("together_") else "HINTRELAY_" + field.upper()
    for field in Settings.__struct_fields__
}


def load(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """Settings from all layers. `flags` are fields; None in them is "not given". Raises ConfigurationError."""
    layers = read(NAMES, flags, environ, folder)
    if not layers.get("home"):
        from platformdirs import user_data_path

        layers["home"] = user_data_path("hintrelay")
    layers["home"] = Path(str(layers["home"])).expanduser().absolute()
    settings = _validated(layers)
    _cross_check(settings)
    return settings


def _validated(layers: dict[str, Any]) -> Settings:
    try:
        for field, check in CHECKS.items():
            if isinstance(layers.get(field), str):
                layers[field] = check(layers[field])
    except ValueError as exc:
        raise ConfigurationError(f"{NAMES[field]}: {exc}") from exc
    try:
        return msgspec.convert(layers, Settings, strict=False, dec_hook=_from_text)
    except msgspec.ValidationError as exc:
        field = str(exc).rpartition("$.")[2].rstrip("`")
        raise ConfigurationError(f"{NAMES.get(field, 'settings')}: {_allowed(field)}") from None  # it may tell a secret


def _from_text(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if isinstance(value, kind):
        return value
    raise ValueError(f"not a {kind.__name__}")


def _allowed(field: str) -> str:
    """What a field takes, in words."""
    from msgspec import inspect

    types = {one.name: one.type for one in inspect.type_info(Settings).fields}  # type: ignore[attr-defined]
    kind: Any = types.get(field)
    if isinstance(kind, inspect.UnionType):
        kind = kind.types[0]
    if isinstance(kind, inspect.LiteralType):
        *others, last = map(repr, kind.values)
        return f"should be {', '.join(others)} or {last}"
    if isinstance(kind, (inspect.FloatType, inspect.IntType)):
        bounds = {"above": kind.gt, "at least": kind.ge, "below": kind.lt, "at most": kind.le}
        words = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        return f"should be a {'whole ' * isinstance(kind, inspect.IntType)}number, {words}"
    pattern = getattr(kind, "pattern", None)
    return f"should be text like {pattern}" if pattern else "should be text"


def _cross_check(settings: Settings) -> None:
    if settings.stage_limit_seconds <= settings.lease_seconds:
        raise ConfigurationError(
            "HINTRELAY_STAGE_LIMIT_SECONDS must exceed HINTRELAY_LEASE_SECONDS, or no stage could renew its lease"
        )
    if any(len(key) < KEY_LEAST for key in settings.message_keys):
        raise ConfigurationError(
            f"each key of HINTRELAY_MESSAGE_KEY must have at least {KEY_LEAST} characters: openssl rand -hex 32"
        )
