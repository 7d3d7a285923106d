"""demo: the whole road, by itself."""

from __future__ import annotations

import os
import signal
import time
from importlib import resources
from pathlib import Path
from typing import NoReturn

import click

from common.errors import ConfigurationError, Exit, HintrelayError
from common.job import Job
from producer.cli.crew import has_hints
from producer.cli.demo.report import save_results, score_table, write_report
from producer.cli.demo.scene import TRAIN_SECONDS, Scene
from producer.cli.demo.story import Story
from producer.cli.output import leave, print_table, say
from producer.cli.specs import read_specs

LIMIT_S = 150.0  #: it gives up then


@click.command()
@click.option("--keep", is_flag=True, help="Keep its data (Valkey's, the artifacts) beside the results.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for results, report and logs.",
)
def demo(keep: bool, output: Path) -> None:
    """Run a small sweep by itself, from data to scored hints.

    On free ports and in a folder of its own: it needs no key and no Redis, and disturbs none.
    """
    began = time.monotonic()
    if not has_hints():
        raise ConfigurationError("the demo generates and scores: it needs the extra `hints`", hint="make setup")
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    scene = _scene(output)
    try:
        _run(scene, began)
    except HintrelayError as exc:
        say(f"hintrelay: the demo did not succeed: {exc.message}")
        for line in scene.last_words():
            say(line)
        leave(Exit.BUG)
    finally:
        scene.stop(keep=keep)
        if keep:
            say(f"its data are in {scene.home}")
    click.echo(f"[{time.monotonic() - began:5.1f}s] everything is stopped")


def _scene(output: Path) -> Scene:
    try:
        return Scene(output)
    except OSError as exc:
        raise click.UsageError(f"--output {output}: {exc.strerror or exc}") from exc


def _run(scene: Scene, began: float) -> None:
    producer = scene.tools.producer
    story = Story(scene, producer, began, LIMIT_S)
    story.tell("starting a Valkey, the sandbox, two workers, the inbox reader and the tick")
    scene.start()
    story.tell("all run; the worker of the queue hints imports HintEval first, which takes some seconds")
    story.tell(f"jobs are in {scene.settings.redis_url}; the sandbox trains in {TRAIN_SECONDS} s at {_platform(scene)}")
    after = producer.events_log.last_id()
    with resources.as_file(resources.files("producer").joinpath("sample")) as sample:
        spec = sample / "sweep.yaml"
        story.tell(f"$ hintrelay submit {os.path.relpath(spec)}")
        ids = [job.id for job in producer.submit_all(read_specs([str(spec)], []))]
    for job in map(producer.get, ids):
        story.tell("accepted", job)
    story.play(ids, after)
    _conclude(scene, story, [producer.get(job_id) for job_id in ids])


def _platform(scene: Scene) -> str:
    return scene.settings.platform_root


def _conclude(scene: Scene, story: Story, jobs: list[Job]) -> None:
    files = save_results(scene.tools, jobs, scene.output / "results")
    report = scene.output / "report.md"
    write_report(report, jobs, files, story.events)
    story.tell("all three have their hints and scores")
    click.echo()
    heads, rows = score_table(jobs)
    print_table(heads, rows)
    click.echo()
    for job in jobs:
        click.echo(f"results of {job.id}: {files[job.id]}")
    click.echo(f"report: {report}")


def _as_ctrl_c(*_: object) -> NoReturn:
    raise KeyboardInterrupt
