"""The HTML report: one file, nothing fetched, for screens of any width, paper, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any

import orjson
import yaml

from common.errors import HintrelayError
from common.metrics import METRICS
from common.versions import versions
from producer.cli.context import Tools
from producer.cli.results import read_results
from producer.compare import figures
from producer.compare.entries import Entry, differing
from producer.compare.examples import EXAMPLES, examples
from producer.compare.table import cells


def page(found: Sequence[Entry], metrics: Sequence[str], tools: Tools, batch: str | None) -> str:
    """The whole report. Raises ConfigurationError without Matplotlib."""
    figures.load()
    documents = _documents(found, tools)
    title = f"hintrelay: batch {batch}" if batch else "hintrelay: jobs compared"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{_made(found, metrics)}</p>",
        *_section("Jobs by metrics", _table(found, metrics)),
        *_section("Means", _grid(_dots(found, metrics))),
        *_section("Base against tuned", _paired(found, metrics)),
        *_section("The matrix", _grid(_matrix(found, metrics))),
        *_section("Cost against quality", _grid(_costs(found, metrics))),
        *_section("Training", _grid(_curves(found, documents))),
        *_section("Ten questions", _examples(found, metrics, documents)),
        *_section("What made it", _versions(documents), *_specs(found)),
    ]
    style = resources.files("producer.compare").joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
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
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    order = f" The best under {escape(metrics[0])} stand first." if metrics else ""
    return f"{jobs} jobs, {len(found) - jobs} base models, {len(metrics)} metrics; made {when}.{order}"


def _section(title: str, *parts: str) -> list[str]:
    return [f"<section><h2>{escape(title)}</h2>", *parts, "</section>"]


def _table(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    heads, rows = cells(found, metrics)
    unscored = [
        f"{escape(entry.label)}: {escape(metric)} {score['unscored']}"
        for entry in found
        for metric in metrics
        if (score := entry.scores.get(metric) or {}).get("unscored")
    ]
    lacking = {
        f"{escape(metric)}: {escape(str(score['unavailable']))}"
        for entry in found
        for metric in metrics
        if (score := entry.scores.get(metric) or {}).get("unavailable")
    }
    notes = "<p>In brackets: the difference from the base model on the same questions.</p>"
    notes += f"<p>Unscored hints: {'; '.join(unscored)}.</p>" if unscored else ""
    notes += f"<p>Unavailable: {'; '.join(sorted(lacking))}.</p>" if lacking else ""
    means = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(METRICS[name].says)}; "
        f"{'more' if METRICS[name].better == 1 else 'less'} is better</dd>"
        for name in metrics
        if name in METRICS
    )
    return _plain_table(heads, rows, numbers_from=3) + notes + f"<dl>{means}</dl>"


def _plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    head = "".join(
        f'<th scope="col"{" class=number" if place >= numbers_from else ""}>{escape(one)}</th>'
        for place, one in enumerate(heads)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="number">{escape(one)}</td>' if place >= numbers_from else f"<td>{escape(one)}</td>"
            for place, one in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    label = escape(", ".join(heads[:3]).lower())
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="table: {label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _grid(drawn: Sequence[str]) -> str:
    """Figures side by side where there is room; a sentence comes as it is."""
    if len(drawn) == 1 and not drawn[0].startswith("<svg"):
        return f"<p>{escape(drawn[0])}</p>"
    return '<div class="figures">' + "".join(f"<figure>{one}</figure>" for one in drawn) + "</div>"


def _dots(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    scored = [metric for metric in metrics if any(entry.mean(metric) is not None for entry in found)]
    return [figures.dots(found, metric, place) for place, metric in enumerate(scored)] or ["No job has scores yet."]


def _paired(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    rows = [
        [
            entry.label,
            metric,
            f"{pair['difference']:+.4f}",
            f"{pair['low']:+.4f} to {pair['high']:+.4f}" if "low" in pair else "-",
            *(str(pair[name]) for name in ("better", "same", "worse", "n")),
        ]
        for entry in found
        for metric in metrics
        if (pair := entry.comparison.get(metric) or {}).get("n")
    ]
    if not rows:
        return "<p>No job asked the base model: evaluate.baseline does.</p>"
    heads = ["JOB", "METRIC", "DIFFERENCE", "95 % INTERVAL", "BETTER", "SAME", "WORSE", "QUESTIONS"]
    why = "<p>Tuned less base, question by question. An interval that holds 0 shows no difference.</p>"
    return why + _plain_table(heads, rows, numbers_from=2)


def _matrix(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    axes = differing([entry.job.spec_json or {} for entry in found if entry.job])
    scored = [metric for metric in metrics if any(entry.mean(metric) is not None for entry in found if entry.job)]
    if not axes or not scored:
        return ["The jobs differ in no key of their specs, or have no scores yet."]
    return [figures.heat(found, metric, axes, 100 + place) for place, metric in enumerate(scored)]


def _costs(found: Sequence[Entry], metrics: Sequence[str]) -> list[str]:
    paid = [entry for entry in found if entry.cost is not None]
    scored = [metric for metric in metrics if any(entry.mean(metric) is not None for entry in paid)]
    if not scored:
        return ["The platform has told no price of these runs."]
    return [figures.cost(found, metric, 200 + place) for place, metric in enumerate(scored)]


def _curves(found: Sequence[Entry], documents: Mapping[str, dict[str, Any]]) -> list[str]:
    runs = {
        entry.label: losses
        for entry in found
        if entry.job and (losses := _about(documents.get(entry.job.id)).get("losses"))
    }
    return [figures.curves(runs, 300)] if runs else ["The platform has told no losses of these runs."]


def _about(document: Mapping[str, Any] | None) -> Mapping[str, Any]:
    about: Mapping[str, Any] = ((document or {}).get("metadata") or {}).get("hintrelay") or {}
    return about


def _examples(found: Sequence[Entry], metrics: Sequence[str], documents: Mapping[str, dict[str, Any]]) -> str:
    best = next((entry for entry in found if entry.job and entry.job.id in documents), None)
    if best is None or best.job is None:
        return "<p>No job has results yet.</p>"
    asked = examples(documents[best.job.id], metrics[0] if metrics else None)
    parts = [f"<p>{len(asked)} of the questions, spread evenly (at most {EXAMPLES}); tuned: {escape(best.label)}.</p>"]
    for one in asked:
        parts.append(
            f'<article><h3>{escape(one.question)}</h3><p class="answer">Answer: {escape(one.answer)}</p>'
            f'<div class="pair">{_hints("Base model", one.base)}{_hints("Tuned model", one.tuned)}</div></article>'
        )
    return "".join(parts)


def _hints(title: str, hints: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<li>{escape(text)} <small>{escape(score)}</small></li>" for text, score in hints)
    return f"<div><h4>{escape(title)}</h4>" + (f"<ol>{items}</ol>" if hints else "<p>was not asked</p>") + "</div>"


def _versions(documents: Mapping[str, dict[str, Any]]) -> str:
    """Of where the hints were scored, and of where the report was made."""
    rows = {("this report", name, number) for name, number in versions("matplotlib").items()}
    for document in documents.values():
        rows |= {("scores", name, number) for name, number in (_about(document).get("made_by") or {}).items()}
    return _plain_table(["MADE", "BY", "VERSION"], sorted(rows), numbers_from=3)


def _specs(found: Sequence[Entry]) -> list[str]:
    return [
        f"<details><summary>Spec of {escape(entry.label)}</summary>"
        f"<pre>{escape(yaml.safe_dump(entry.job.spec_json, sort_keys=False, allow_unicode=True))}</pre></details>"
        for entry in found
        if entry.job
    ]
