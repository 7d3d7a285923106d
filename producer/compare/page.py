"""The HTML report: one file, nothing fetched, for screens of any width, paper, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any

import orjson
import yaml

from common.errors import HintrelayError
from common.versions import versions
from producer.cli.context import Tools
from producer.cli.results import read_results
from producer.compare import canvas, figures, tables
from producer.compare.entries import Entry, differing
from producer.compare.examples import EXAMPLES, Shown, examples
from producer.compare.heat import heat

MOST_AXES = 4  #: keys in which jobs differ; more are no matrix


def page(found: Sequence[Entry], metrics: Sequence[str], tools: Tools, batch: str | None) -> str:
    """The whole report. Raises ConfigurationError without Matplotlib."""
    canvas.load()
    documents = _documents(found, tools)
    title = f"Batch {batch}" if batch else "Jobs compared"
    body = [
        f"<header><h1>{escape(title)}</h1><p>{_made(found, metrics)}</p></header>",
        tables.summary(found, metrics),
        *_section(
            "Jobs by metrics", tables.jobs(found, metrics), tables.notes(found, metrics), tables.meanings(metrics)
        ),
        *_section("Means", _grid(_dots(found, metrics))),
        *_section("Base against tuned", *_paired(found, metrics)),
        *_section("The matrix", _grid(_matrix(found, metrics))),
        *_section("Cost against quality", _grid(_costs(found, metrics))),
        *_section("Training", _grid(_curves(found, documents))),
        *_section("Questions and hints", _examples(found, metrics, documents)),
        *_section("What made it", _versions(documents), *_specs(found)),
    ]
    style = resources.files("producer.compare").joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>hintrelay: {escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _documents(found: Sequence[Entry], tools: Tools) -> dict[str, dict[str, Any]]:
    """Job id -> its results; what cannot be read is left out."""
    documents = {}
    for entry in found:
        if entry.job is None or entry.job.pointer("results") is None:
            continue
        try:
            documents[entry.job.id] = orjson.loads(read_results(tools, entry.job))
        except HintrelayError:
            continue
    return documents


def _made(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    jobs = sum(entry.job is not None for entry in found)
    counted = [_count(jobs, "job"), _count(len(found) - jobs, "base model"), _count(len(metrics), "metric")]
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    order = f" The best under {escape(metrics[0])} stand first." if metrics and jobs > 1 else ""
    return f"Made by hintrelay, {when}: {', '.join(counted)}.{order}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _section(title: str, *parts: str) -> list[str]:
    return [f"<section><h2>{escape(title)}</h2>", *parts, "</section>"]


def _grid(drawn: Sequence[str]) -> str:
    """Figures side by side where there is room; a sentence comes as it is."""
    if len(drawn) == 1 and not drawn[0].startswith("<svg"):
        return f"<p>{escape(drawn[0])}</p>"
    return '<div class="figures">' + "".join(f"<figure>{one}</figure>" for one in drawn) + "</div>"


def _scored(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    return [metric for metric in metrics if any(entry.mean(metric) is not None for entry in found)]


def _dots(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    scored = _scored(found, metrics)
    return [figures.dots(found, metric, place) for place, metric in enumerate(scored)] or ["No job has scores yet."]


def _paired(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    compared = [metric for metric in metrics if any((entry.comparison.get(metric) or {}).get("n") for entry in found)]
    if not compared:
        asked = any((entry.job.spec_json or {}).get("evaluate", {}).get("baseline") for entry in found if entry.job)
        why = "No comparison with the base model is there." if asked else "No job asked the base model."
        return [f"<p>{why}{'' if asked else ' evaluate.baseline: true does.'}</p>"]
    drawn = [figures.differences(found, metric, 400 + place) for place, metric in enumerate(compared)]
    why = "Tuned less base, question by question. An interval that holds 0 shows no difference: such jobs are grey."
    return [f"<p>{why}</p>", _grid(drawn), tables.paired(found, compared)]


def _matrix(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    jobs = [entry for entry in found if entry.job]
    keys = differing([entry.job.spec_json or {} for entry in jobs if entry.job])
    scored = _scored(jobs, metrics)
    if not keys or not scored:
        return ["The jobs differ in no key of their specs." if scored else "No job has scores yet."]
    if len(keys) > MOST_AXES:
        return [f"The jobs differ in {len(keys)} keys of their specs, which make no matrix: {', '.join(keys)}."]
    return [heat(jobs, metric, keys, 100 + place) for place, metric in enumerate(scored)]


def _costs(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    scored = _scored([entry for entry in found if entry.cost is not None], metrics)
    if not scored:
        return ["No job with scores has a cost that is known."]
    return [figures.cost(found, metric, 200 + place) for place, metric in enumerate(scored)]


def _curves(found: Sequence[Entry], documents: Mapping[str, dict[str, Any]]) -> list[str]:
    runs = [
        (entry, losses)
        for entry in found
        if entry.job and (losses := _about(documents.get(entry.job.id)).get("losses"))
        if losses.get("train") or losses.get("eval")
    ]
    if not runs:
        return ["The platform has told no losses of these runs."]
    return [figures.curves([entry for entry, _ in runs], [losses for _, losses in runs], 300)]


def _about(document: Mapping[str, Any] | None) -> Mapping[str, Any]:
    about: Mapping[str, Any] = ((document or {}).get("metadata") or {}).get("hintrelay") or {}
    return about


def _examples(found: Sequence[Entry], metrics: Sequence[str], documents: Mapping[str, dict[str, Any]]) -> str:
    best = _best(found, documents)
    if best is None or best.job is None:
        return "<p>No job has results yet.</p>"
    asked = examples(documents[best.job.id], metrics[0] if metrics else None)
    whence = f"{_count(len(asked), 'question')}, spread evenly over those that were asked, at most {EXAMPLES}"
    parts = [f"<p>{whence}; hints of {escape(best.label)}.</p>"]
    for one in asked:
        parts.append(
            f'<article><h3 dir="auto">{escape(one.question)}</h3>'
            f'<p class="answer">Answer: <span dir="auto">{escape(one.answer)}</span></p>'
            f'<div class="pair">{_hints("Base model", one.base)}{_hints("Tuned model", one.tuned)}</div></article>'
        )
    return "".join(parts)


def _best(found: Sequence[Entry], documents: Mapping[str, dict[str, Any]]) -> Entry | None:
    """The first job with results; one whose base model was asked goes before the others."""
    ready = [entry for entry in found if entry.job and entry.job.id in documents]
    return next((entry for entry in ready if entry.comparison), ready[0] if ready else None)


def _hints(title: str, hints: Sequence[Shown] | None) -> str:
    """None is a model that was not asked; an empty list is one that gave no hints."""
    if not hints:
        return f"<div><h4>{title}</h4><p class=answer>{'was not asked' if hints is None else 'gave no hint'}</p></div>"
    items = "".join(
        f'<li><span dir="auto">{escape(one.text)}</span> <small>{escape(one.score)}</small>'
        f"{'<small class=down>contains the answer</small>' if one.leaks else ''}</li>"
        for one in hints
    )
    return f"<div><h4>{title}</h4><ol>{items}</ol></div>"


def _versions(documents: Mapping[str, dict[str, Any]]) -> str:
    """Of where the hints were scored, and of where the report was made."""
    rows = {("this report", name, number) for name, number in versions("matplotlib").items()}
    for document in documents.values():
        rows |= {("scores", name, number) for name, number in (_about(document).get("made_by") or {}).items()}
    return tables.plain(["What", "Made by", "Version"], sorted(rows), numbers_from=3)


def _specs(found: Sequence[Entry]) -> list[str]:
    return [
        f"<details><summary>Spec of {escape(entry.label)}</summary>"
        f"<pre>{escape(yaml.safe_dump(entry.job.spec_json, sort_keys=False, allow_unicode=True))}</pre></details>"
        for entry in found
        if entry.job
    ]
