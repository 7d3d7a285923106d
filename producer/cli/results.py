"""results: a job's hints and scores as HintEval JSON."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

import click

from common.errors import ArtifactLost, Conflict, Transient, Unreachable
from common.job import Job
from producer.cli import rail
from producer.cli.context import Tools, pass_tools
from producer.cli.output import json_text, output_option, print_table, say


@click.command()
@click.argument("job")
@click.option("--output", "file", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
@output_option
@pass_tools
def results(tools: Tools, job: str, file: Path | None, output: str) -> None:
    """Print a job's hints and scores as HintEval JSON.

    It is JSON whatever -o says: with -o jsonl on one line, else as it was stored. With both, errors are JSON too.
    """
    found = tools.producer.get(job)
    data = read_results(tools, found)
    if output == "jsonl":  # a lone surrogate becomes its escape in JSON
        data = json_text(json.loads(data), one_line=True).encode("utf-8", "backslashreplace")
    if file is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.buffer.flush()
    else:
        write_whole(file, data)
        say(f"written to {file}")
    print_scores(found)


def read_results(tools: Tools, job: Job) -> bytes:
    """The bytes of the results. Raises Conflict while there are none."""
    pointer = job.pointer("results")
    if pointer is None:
        why = rail.standing(job)
        raise Conflict(f"job {job.id} has no results yet: {why}", code="no_results")
    try:
        return tools.artifacts.get(pointer)
    except (ArtifactLost, Transient) as exc:
        hint = "is HINTRELAY_ARTIFACTS the one of the workers?"
        raise Unreachable(exc.message, hint=hint, code="no_artifact") from exc


def write_whole(file: Path, data: bytes) -> None:
    """`file` is written whole or not at all. Raises click.UsageError where it cannot be."""
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        partial.write_bytes(data)
        os.replace(partial, file)
    except OSError as exc:
        raise click.UsageError(f"--output {file}: cannot be written: {exc.strerror or exc}") from exc
    finally:
        partial.unlink(missing_ok=True)


def print_scores(job: Job) -> None:
    """On stderr: each metric's mean, and over how many hints."""
    rows = [
        [name, "-" if score.get("mean") is None else f"{score['mean']:.4f}", str(score.get("n"))]
        for name, score in (job.facts.get("scores") or {}).items()
    ]
    if rows:
        print_table(["METRIC", "MEAN", "HINTS"], rows, err=True)
