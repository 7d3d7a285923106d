"""results: a job's hints and scores as HintEval JSON."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.errors import ArtifactLost, Conflict, Transient, Unreachable
from common.job import LISTED, Job
from common.printable import printable
from producer.cli import rail, scores
from producer.cli.batches import batch_option
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit_all, json_text, output_option, print_table, say

if TYPE_CHECKING:
    from rich.text import Text


@click.command()
@click.argument("job", required=False)
@batch_option("Instead of JOB: a file for each job of this batch, in the folder --output.")
@click.option("--output", "file", type=click.Path(path_type=Path), help="A file instead of stdout.")
@output_option
@pass_tools
def results(tools: Tools, job: str | None, batch: str | None, file: Path | None, output: str) -> None:
    """Print a job's hints and scores as HintEval JSON.

    It is JSON whatever -o says: with -o jsonl on one line, else as it was stored. With both, errors are JSON too.
    """
    if batch is not None:
        _of_batch(tools, job, batch, file, output)
        return
    if job is None:
        raise click.UsageError("give JOB or --batch B")
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


def _of_batch(tools: Tools, job: str | None, batch: str, folder: Path | None, output: str) -> None:
    """DIR/<job>.json for each job that has results; the files are told on stdout."""
    if job is not None:
        raise click.UsageError("give JOB or --batch, not both")
    if folder is None:
        raise click.UsageError("--batch writes a file for each job: give --output DIR")
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"--output {folder}: is a file; with --batch it is a folder")
    jobs = tools.producer.store.many(tools.producer.store.batch(batch), [*LISTED, "results"])
    ready = [found for found in jobs if found.pointer("results")]
    if not ready:
        raise Conflict(f"no job of batch {batch} has results yet", code="no_results")
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[list[str | Text]] = []
    for found in ready:
        file = folder / f"{found.id}.json"
        write_whole(file, read_results(tools, found))
        rows.append([found.id, printable(found.name), str(file)])
    if output == "table":
        print_table(["JOB", "NAME", "FILE"], rows)
    else:
        emit_all(({"job": row[0], "name": row[1], "file": row[2]} for row in rows), output)
    if len(ready) < len(jobs):
        say(f"{len(jobs) - len(ready)} of {len(jobs)} jobs have no results; hintrelay ls --batch {batch} says why")


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
    """On stderr: each metric's mean, over how many hints, and how it compares with the base model."""
    heads, rows = scores.table(job)
    if rows:
        print_table(heads, rows, err=True)
