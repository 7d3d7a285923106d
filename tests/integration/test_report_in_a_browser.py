"""The report in a real browser: nothing fetched, nothing wider than the screen, every figure says what it shows."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from common.job import Job
from common.states import JobState
from producer.cli.context import Tools
from producer.compare.entries import entries, metrics_of, ranked
from tests.jobs_made import spec
from tests.unit.producer.test_cli_compare import pair, results, score

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
METRICS = ("rouge1", "readability.automated_readability_index", "convergence.llm", "answer_leakage.contextual")

#: what the page measures of itself; the copy that is measured may run it, the report may not
MEASURE = """<script>
const outside = [...document.querySelectorAll('svg text')].filter(text => {
  const box = text.getBoundingClientRect(), figure = text.ownerSVGElement.getBoundingClientRect();
  return box.right > figure.right + 1 || box.left < figure.left - 1 || box.bottom > figure.bottom + 1;
});
const drawn = [...document.querySelectorAll('svg')];
const overlapping = drawn.flatMap(svg => {
  const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], place) => boxes.slice(place + 1)
    .filter(([other, b]) => one && other && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
    .map(([other]) => `${svg.getAttribute('aria-label')}: ${one} | ${other}`));
});
parent.document.title = JSON.stringify({
  wide: innerWidth, page: document.documentElement.scrollWidth,
  loaded: performance.getEntriesByType('resource').map(entry => entry.name),
  outside: outside.map(text => text.textContent), overlapping,
  small: Math.min(...[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)),
  figures: drawn.map(svg => [...svg.querySelectorAll('text')].map(text => text.textContent)),
  titles: drawn.map(svg => svg.getAttribute('aria-label')),
});
</script>"""

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
    pytest.mark.xdist_group("browser"),
]


LONG = "a-name-that-is-quite-long-for-a-job"
BASE = "meta-llama/Meta-Llama-3-8B-Instruct-Reference"


def job(tools: Tools, place: int, state: JobState = JobState.SUCCEEDED, **finetune: Any) -> Job:
    """One of a sweep, with scores where it has succeeded."""
    name = f"{LONG}-{place}"
    facts: dict[str, Any] = {
        "scores": {metric: score(0.3 + place / 20) for metric in METRICS},
        "comparison": {metric: pair(0.1, 0.2) for metric in METRICS},
        "baseline": BASE,
        "results": results(tools, "wordwithoutanyplacetobreakit" * 6),
        "price": 40_000_000 * (place + 1),
    }
    made = spec(name=name, finetune=finetune).dump()
    kept = facts if state is JobState.SUCCEEDED else {}
    return Job(f"{place:08d}", state, name=name, spec_json=made, since=600_000, facts=kept)


def sweep(tools: Tools, *, rates: int, epochs: int, sizes: int) -> list[Job]:
    values = product(range(1, rates + 1), range(1, epochs + 1), (8, 16, 32)[:sizes])
    return [
        job(tools, place, learning_rate=1e-5 * rate, n_epochs=epoch, batch_size=size)
        for place, (rate, epoch, size) in enumerate(values)
    ]


def unlucky(tools: Tools) -> list[Job]:
    """One that has ended well, one that has failed, one without base model and with a metric that was unavailable."""
    alone = job(tools, 2, n_epochs=2)
    scores = {**alone.facts["scores"], "familiarity.wikipedia": {"mean": None, "n": 0, "unavailable": "no network"}}
    alone.facts.update({"scores": scores, "comparison": {}, "price": 0})
    return [job(tools, 0), job(tools, 1, JobState.FAILED, n_epochs=4), alone]


SWEEPS: dict[str, Callable[[Tools], list[Job]]] = {
    "one": lambda tools: [job(tools, 0)],
    "two": lambda tools: sweep(tools, rates=2, epochs=1, sizes=1),
    "three dimensions": lambda tools: sweep(tools, rates=2, epochs=2, sizes=3),
    "forty": lambda tools: sweep(tools, rates=10, epochs=4, sizes=1),
    "unlucky": unlucky,
    "no scores yet": lambda tools: [job(tools, place, JobState.TRAINING, n_epochs=place + 1) for place in range(2)],
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of jobs with long names and long metrics, without a store."""
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    from producer.compare.page import page

    folder = tmp_path_factory.mktemp("report")
    tools = Tools({"home": str(folder)})
    made = {}
    for name, jobs in SWEEPS.items():
        found = entries(jobs(tools))
        metrics = metrics_of(found)
        made[name] = folder / f"{name.replace(' ', '-')}.html"
        made[name].write_text(page(ranked(found, metrics[0] if metrics else None), metrics, tools, "nightly"), "utf-8")
    return made


def measured(report: Path, width: int) -> dict[str, Any]:
    text = report.read_text("utf-8")
    copy = report.with_name(f"measured-{width}.html")
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    inside = html.escape(free.replace("</body>", f"{MEASURE}</body>"))
    frame = f'<iframe srcdoc="{inside}" style="border: 0; width: {width}px; height: 900px"></iframe>'
    copy.write_text(f"<!doctype html><title>-</title>{frame}", "utf-8")  # a window of its own is never below 500 px
    assert BROWSER is not None
    argv = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={report.parent / 'browser'}"]
    argv += ["--window-size=1500,1000", "--dump-dom", copy.as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stdout[:500]
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    return found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", list(SWEEPS))
def test_nothing_is_fetched_is_wider_than_the_screen_or_stands_over_other_words(
    reports: dict[str, Path], name: str, width: int
) -> None:
    seen = measured(reports[name], width)
    assert seen["wide"] == width
    assert seen["page"] <= width
    assert seen["loaded"] == []
    assert seen["outside"] == []
    assert seen["overlapping"] == []
    assert seen["small"] is None or seen["small"] >= 9  # null: no figure


@pytest.mark.parametrize(("name", "figures"), [("one", 3), ("two", 4), ("three dimensions", 4), ("forty", 4)])
def test_every_figure_has_a_title_axis_names_and_units(reports: dict[str, Path], name: str, figures: int) -> None:
    seen = measured(reports[name], 1280)
    assert len(seen["figures"]) == len(seen["titles"]) == figures * len(METRICS) + 1
    for title, texts in zip(seen["titles"], seen["figures"], strict=True):
        words = " ".join(texts)
        assert all(word in words for word in title.split()), title
        assert any(name in words for name in ("mean ", "training step", "cost of the run")), title
        assert re.search(r"\((F1|school|share|cosine|USD|nats|cells)|0 to 1|grade|cosine", words), title


def test_a_matrix_of_three_keys_has_a_part_for_each_value_of_the_third(reports: dict[str, Path]) -> None:
    seen = measured(reports["three dimensions"], 1280)
    words = seen["figures"][seen["titles"].index("rouge1 over the matrix")]
    third = [text for text in words if re.match(r"finetune\.\w+ \S+$", text)]
    assert len(third) == len(set(third)) >= 2
