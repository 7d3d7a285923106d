"""An export read again: its specs and data sets, each checked against its hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import InvalidSpec
from producer.export import MANIFEST, VERSION


@dataclass(frozen=True, slots=True)
class Exported:
    """A job's spec file, what its spec called its data set, and the copy of that; without one None."""

    spec: str
    source: str | None
    data: Path | None


def exported(folder: Path) -> list[Exported]:
    """The jobs of an export, in their order. Raises InvalidSpec."""
    jobs, files = _manifest(folder)
    for path in (*(job["spec"] for job in jobs), *(one for one in files if one.startswith("data/"))):
        _check(folder, path, files.get(path))
    return [_exported(folder, job, files) for job in jobs]


def _exported(folder: Path, job: dict[str, Any], files: dict[str, Any]) -> Exported:
    source, data = job.get("source"), job.get("data")
    path = str(folder / job["spec"])
    if isinstance(source, str) and isinstance(data, str) and data in files:
        return Exported(path, source, folder / data)
    return Exported(path, None, None)


def _manifest(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Its jobs and its files, of the right kinds. Raises InvalidSpec."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
    except OSError as exc:
        raise InvalidSpec(f"{folder}: is no export: its {MANIFEST} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise InvalidSpec(f"{folder}: is no export, or a damaged one: its {MANIFEST} is no JSON") from exc
    if isinstance(told, dict) and told.get("export") != VERSION:
        raise InvalidSpec(f"{folder}: this hintrelay reads exports of version {VERSION}: upgrade it")
    jobs, files = (told.get("jobs"), told.get("files")) if isinstance(told, dict) else (None, None)
    if not (isinstance(files, dict) and isinstance(jobs, list) and jobs and all(map(_is_job, jobs))):
        raise InvalidSpec(f"{folder}: is no export, or a damaged one: its {MANIFEST} lists no jobs and files")
    return jobs, files


def _is_job(told: Any) -> bool:
    return isinstance(told, dict) and isinstance(told.get("spec"), str)


def _check(folder: Path, path: str, told: Any) -> None:
    if ".." in Path(path).parts or Path(path).is_absolute():
        raise InvalidSpec(f"{folder}: {path} lies outside of the export")
    try:
        digest = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    except OSError as exc:
        raise InvalidSpec(f"{folder}: {path} cannot be read: {exc.strerror}") from exc
    if not isinstance(told, dict) or digest != told.get("sha256"):
        raise InvalidSpec(f"{folder}: {path} is not as it was exported; to run it changed, submit the file itself")
