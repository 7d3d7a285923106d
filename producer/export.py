"""A batch as a folder: all that is needed to check it, or to do it again, without the store it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from common import prompts
from common.errors import ArtifactLost, Transient
from common.job import Job, Pointer
from common.versions import versions
from common.view import job_json

if TYPE_CHECKING:
    from common.artifacts import ArtifactStore
    from common.events import Event

MANIFEST = "manifest.json"
VERSION = 1
#: artifacts of a job -> where they stand, by their hash
FOLDERS = {"data": ("data", ".json"), "training": ("training", ".jsonl")}
#: artifacts whose hash is told and that the data and the seed make again
TOLD = ("data", "training", "questions", "hints", "results")
SEEDS = (("dataset", "seed"), ("finetune", "random_seed"))


class Export:
    """Writes one. Every file is listed in the manifest with its hash; what could not be read is listed as missing."""

    def __init__(self, folder: Path, artifacts: ArtifactStore) -> None:
        self._folder = folder
        self._artifacts = artifacts
        self._files: dict[str, dict[str, Any]] = {}
        self.missing: list[str] = []

    def write(self, batch: str, jobs: Sequence[Job], events: Sequence[Event], report: dict[str, str]) -> None:
        """`report` are further files: name -> text."""
        told = [self._job(job) for job in jobs]
        self._put("jobs.json", _json([job_json(job) for job in jobs]))
        self._put("events.jsonl", "".join(json.dumps(event.dump()) + "\n" for event in events).encode())
        self._put("prompts.json", _json(_prompts(jobs)))
        for name, text in report.items():
            self._put(name, text.encode("utf-8", "backslashreplace"))
        manifest = {
            "export": VERSION,
            "batch": batch,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "made_by": versions(),
            "jobs": told,
            "files": self._files,
            "missing": self.missing,
        }
        (self._folder / MANIFEST).write_bytes(_json(manifest))  # last: a folder without one is no export

    def _job(self, job: Job) -> dict[str, Any]:
        kept = {name: self._artifact(job, name) for name in FOLDERS}
        spec: dict[str, Any] = json.loads(json.dumps(job.spec_json))
        if kept["data"]:
            spec["dataset"]["source"] = f"../{kept['data']}"
        self._put(f"specs/{job.id}.yaml", yaml.safe_dump(spec, sort_keys=False, allow_unicode=True).encode())
        results = self._stored(job, "results", f"results/{job.id}.json")
        pointers = {name: pointer.dump() for name in TOLD if (pointer := job.pointer(name))}
        names = ("run_id", "output_name", "deployment", "baseline")
        return {
            "job": job.id,
            "name": job.name,
            "state": str(job.state),
            "spec": f"specs/{job.id}.yaml",
            "source": (job.spec_json or {}).get("dataset", {}).get("source"),
            "data": kept["data"],
            "results": results,
            "seeds": {f"{part}.{key}": spec[part].get(key) for part, key in SEEDS},
            "hashes": pointers,
            **{name: job.facts.get(name) for name in names},
        }

    def _artifact(self, job: Job, name: str) -> str | None:
        """Jobs that share a file share its copy."""
        pointer = job.pointer(name)
        folder, ending = FOLDERS[name]
        return self._stored(job, name, f"{folder}/{pointer.sha256}{ending}") if pointer else None

    def _stored(self, job: Job, name: str, path: str) -> str | None:
        pointer = job.pointer(name)
        if pointer is None or path in self._files:
            return path if pointer else None
        try:
            self._put(path, self._artifacts.get(pointer))
        except (ArtifactLost, Transient) as exc:
            self.missing.append(f"{name} of {job.id}: {exc.message}")
            return None
        return path

    def _put(self, path: str, data: bytes) -> None:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self._files[path] = Pointer(hashlib.sha256(data).hexdigest(), len(data)).dump()


def _prompts(jobs: Sequence[Job]) -> dict[str, Any]:
    """What the models were asked, with {question} and {answer} to be filled; training has as many hints as a row."""
    counts = sorted({int(job.spec_json["generate"]["num_of_hints"]) for job in jobs if job.spec_json})
    return {
        "system": prompts.SYSTEM,
        "user": {str(count): prompts.ask("{question}", "{answer}", count) for count in counts},
        "training": "training/<sha256>.jsonl: each line as it was trained on",
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode("ascii") + b"\n"
