"""The report's tables and first figures, as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from common.durations import spoken
from common.money import micros
from common.money import spoken as dollars
from common.states import JobState
from producer.compare.entries import Entry, lacking
from producer.compare.figures import shows
from producer.compare.wording import about, better, number, signed, span, way

MOST_OPEN = 24  #: rows of a table that stands open
SIGNS = {1: "▲ ", -1: "▼ ", 0: ""}
CLASSES = {1: "up", -1: "down", 0: "even"}


def summary(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    """What one wants to know first: how many, which is best, by how much, for what."""
    jobs = [entry for entry in found if entry.job is not None]
    cards = [_jobs_card(jobs)]
    best = next((entry for entry in jobs if metrics and entry.mean(metrics[0]) is not None), None)
    if best is not None:
        cards += [_best_card(best, metrics[0]), _gain_card(best, metrics[0])]
    cards.append(_cost_card(jobs, best))
    return f'<ul class="cards">{"".join(card for card in cards if card)}</ul>'


def _jobs_card(jobs: Sequence[Entry]) -> str:
    states: dict[str, int] = {}
    for entry in jobs:
        states[entry.state] = states.get(entry.state, 0) + 1
    return _card("Jobs", str(len(jobs)), ", ".join(f"{count} {state}" for state, count in states.items()))


def _best_card(best: Entry, metric: str) -> str:
    mean, score = best.mean(metric) or 0.0, best.scores[metric]
    interval = f"95 % interval {span(score, mean)}, " if "low" in score else ""
    return _card(f"Best {metric}", number(mean), f"{best.name}; {interval}{_n(score)} hints")


def _gain_card(best: Entry, metric: str) -> str:
    pair = best.comparison.get(metric) or {}
    if not pair.get("n"):
        return ""
    like = best.mean(metric) or 0.0
    interval = f"95 % interval {span(pair, like)}; " if "low" in pair else ""
    counts = f"{pair['better']} better, {pair['same']} same, {pair['worse']} worse of {pair['n']} questions"
    sign = SIGNS[shows(pair, metric)]
    return _card("Against the base model", f"{sign}{signed(pair['difference'], like)}", f"{interval}{counts}")


def _cost_card(jobs: Sequence[Entry], best: Entry | None) -> str:
    costs = [entry.cost for entry in jobs if entry.cost is not None]
    if not costs:
        return ""
    if best is not None and best.cost is not None:
        least, most = _usd(min(costs)), _usd(max(costs))
        return _card("Cost of the best", _usd(best.cost), f"all jobs: {least} to {most}" if least != most else "")
    least, most = _usd(min(costs)), _usd(max(costs))
    return _card("Cost of a job", least if least == most else f"{least} to {most}", "")


def _card(title: str, figure: str, words: str) -> str:
    return f"<li><h3>{escape(title)}</h3><strong>{escape(figure)}</strong><p>{escape(words)}</p></li>"


def jobs(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    """A row for each job and base model: means, with n and the difference from the base model below them."""
    heads = [_head("Job", ""), _head("Cost", "USD", True), _head("Time", "to the end", True)]
    heads += [_head(metric, way(metric), True) for metric in metrics]
    best = {metric: _best(found, metric) for metric in metrics}
    rows = [
        f"<tr{_row_class(entry)}>{_name(entry)}{_cost(entry)}{_time(entry)}"
        + "".join(_score(entry, metric, best[metric]) for metric in metrics)
        + "</tr>"
        for entry in found
    ]
    return _table("jobs by metrics", heads, rows, "jobs")


def notes(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    """What the table's signs mean, what was not scored and why, what has ended badly."""
    said: list[str] = []
    if any(entry.comparison for entry in found):
        said.append(
            "Below each mean: n, the hints that were scored, and the difference from the base model on the same "
            "questions; ▲ better and ▼ worse, where its 95 % interval does not hold 0. The best of a column is bold."
        )
    elif any(entry.scores for entry in found):
        said.append("Below each mean: n, the hints that were scored. The best of a column is bold.")
    said += [
        _unscored(found, metrics),
        *(f"{line[0].upper()}{line[1:]}" for line in lacking(found, metrics)),
        *_ended(found),
    ]
    return "".join(f"<p>{escape(one)}</p>" for one in said if one)


def meanings(metrics: Sequence[str]) -> str:
    means = "".join(
        f"<dt>{_breakable(name)}</dt><dd>{escape(known.says)} ({escape(known.unit)}); {way(name)}</dd>"
        for name in metrics
        if (known := about(name))
    )
    return f"<dl>{means}</dl>" if means else ""


def paired(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    """Each job against the base model, metric by metric; folded where it is long."""
    rows = [
        [
            entry.label,
            metric,
            number(pair["tuned"]),
            number(pair["base"], pair["tuned"]),
            SIGNS[shows(pair, metric)] + signed(pair["difference"], pair["tuned"]),
            span(pair, pair["tuned"]) or "-",
            *(str(pair[name]) for name in ("better", "same", "worse", "n")),
        ]
        for entry in found
        for metric in metrics
        if (pair := entry.comparison.get(metric) or {}).get("n")
    ]
    if not rows:
        return ""
    heads = "Job|Metric|Tuned|Base|Difference|95 % interval|Better|Same|Worse|Questions".split("|")
    shown = "open" if len(rows) <= MOST_OPEN else ""
    return f"<details {shown}><summary>All {len(rows)} comparisons</summary>{plain(heads, rows, 2)}</details>"


def plain(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int) -> str:
    """A table of texts; columns from `numbers_from` on are numbers."""
    head = [_head(one, "", place >= numbers_from) for place, one in enumerate(heads)]
    body = [
        "<tr>"
        + "".join(
            f'<td class="number">{escape(one)}</td>' if place >= numbers_from else f"<td>{escape(one)}</td>"
            for place, one in enumerate(row)
        )
        + "</tr>"
        for row in rows
    ]
    return _table(", ".join(heads[:3]).lower(), head, body)


def _table(label: str, heads: Sequence[str], rows: Sequence[str], name: str = "plain") -> str:
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="table: {escape(label)}"><table class="{name}">'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _head(text: str, below: str, right: bool = False) -> str:
    small = f"<small>{escape(below)}</small>" if below else ""
    return f'<th scope="col"{" class=number" if right else ""}>{_breakable(text)}{small}</th>'


def _breakable(name: str) -> str:
    """Long names of metrics may be broken after a dot or an underscore."""
    return re.sub(r"([._])", r"\1<wbr>", escape(name))


def _row_class(entry: Entry) -> str:
    return ' class="base"' if entry.job is None else ""


def _name(entry: Entry) -> str:
    below = "not tuned" if entry.job is None else f"{entry.job.id} · {entry.state}"
    bad = " class=down" if entry.state in {JobState.FAILED, JobState.CANCELLED} else ""
    return f'<th scope="row">{_breakable(entry.name)}<small{bad}>{escape(below)}</small></th>'


def _cost(entry: Entry) -> str:
    return f'<td class="number">{"-" if entry.cost is None else escape(_usd(entry.cost))}</td>'


def _time(entry: Entry) -> str:
    return f'<td class="number">{"-" if entry.minutes is None else escape(spoken(entry.minutes * 60))}</td>'


def _score(entry: Entry, metric: str, best: float | None) -> str:
    mean, score = entry.mean(metric), entry.scores.get(metric) or {}
    if mean is None:
        why = "unavailable" if score.get("unavailable") else _n(score) if score else ""
        return f'<td class="number">-{f"<small>{why}</small>" if why else ""}</td>'
    shown = number(mean)
    pair = entry.comparison.get(metric) or {}
    change = ""
    if pair.get("n"):
        way_it_went = shows(pair, metric)
        change = f'<small class="{CLASSES[way_it_went]}">{SIGNS[way_it_went]}{signed(pair["difference"], mean)}</small>'
    text = f"<b>{shown}</b>" if entry.job is not None and mean == best else shown
    return f'<td class="number">{text}{change}<small>{_n(score)}</small></td>'


def _n(score: Mapping[str, Any]) -> str:
    lost = score.get("unscored")
    return f"n {score.get('n')}" + (f", {lost} unscored" if lost else "")


def _best(found: Sequence[Entry], metric: str) -> float | None:
    means = [mean for entry in found if entry.job and (mean := entry.mean(metric)) is not None]
    if len(means) < 2:
        return None
    return max(means) if better(metric) == 1 else min(means)


def _usd(amount: float) -> str:
    return dollars(micros(amount))


def _unscored(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    counts = {
        metric: lost
        for metric in metrics
        if (lost := sum((entry.scores.get(metric) or {}).get("unscored") or 0 for entry in found))
    }
    words = "; ".join(f"{metric} {count}" for metric, count in counts.items())
    return (
        f"Hints that could not be scored count for nothing: {words}. The results say why, hint by hint."
        if words
        else ""
    )


def _ended(found: Sequence[Entry]) -> list[str]:
    return [
        f"{entry.label} {entry.state}: {entry.job.error.get('message')}"
        for entry in found
        if entry.job and entry.job.error
    ]
