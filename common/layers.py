"""Where settings come from, unvalidated: the environment, files that hold one value, .env, hintrelay.toml."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from common.errors import ConfigurationError


def read(
    names: Mapping[str, str],
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Field -> value of all layers: flag > environment > .env > hintrelay.toml. `names` are those of all fields in the
    environment; None in `flags` is "not given". Raises ConfigurationError."""
    environ = os.environ if environ is None else environ
    folder = Path.cwd() if folder is None else folder
    return {
        **_toml(folder / "hintrelay.toml", names),
        **_named(_dotenv(folder / ".env"), names),
        **_named(environ, names),
        **{field: value for field, value in (flags or {}).items() if value is not None},
    }


def _named(environ: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for field, name in names.items():
        value = environ.get(name) or _from_file(name + "_FILE", environ.get(name + "_FILE"))
        if value:
            found[field] = value
        elif field == "message_key" and environ.get(name + "_FILE"):
            raise ConfigurationError(f"{name}_FILE: the file is empty, and no message would be checked")
    return found


def _from_file(name: str, path: str | None) -> str | None:
    if not path:
        return None
    try:
        return Path(path).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{name}: {path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{path}: cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc


def _toml(path: Path, fields: Collection[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    import tomllib

    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{path}: is not TOML: {exc}") from exc
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigurationError(f"{path}: unknown key {unknown[0]}; allowed: {', '.join(fields)}")
    return values
