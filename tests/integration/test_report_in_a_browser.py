"""The report in a real browser: nothing fetched, nothing wider than the screen, every figure says what it shows."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
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
parent.document.title = JSON.stringify({
  wide: innerWidth, page: document.documentElement.scrollWidth,
  loaded: performance.getEntriesByType('resource').map(entry => entry.name),
  outside: outside.map(text => text.textContent),
  figures: drawn.map(svg => [...svg.querySelectorAll('text')].map(text => text.textContent)),
  titles: drawn.map(svg => svg.getAttribute('aria-label')),
});
</script>"""

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of six jobs with long names and long metrics, without a store."""
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    from producer.compare.page import page

    folder = tmp_path_factory.mktemp("report")
    tools = Tools({"home": str(folder)})
    jobs = []
    for place in range(6):
        name = f"a-name-that-is-quite-long-for-a-job-{place}"
        wanted = spec(name=name, finetune={"learning_rate": 10.0**-5 * (place % 3 + 1), "n_epochs": place // 3 + 1})
        facts: dict[str, Any] = {
            "scores": {metric: score(0.3 + place / 20) for metric in METRICS},
            "comparison": {metric: pair(0.1, 0.2) for metric in METRICS},
            "baseline": "meta-llama/Meta-Llama-3-8B-Instruct-Reference",
            "results": results(tools, "wordwithoutanyplacetobreakit" * 6),
            "price": 40_000_000 * (place + 1),
        }
        made = Job(
            f"0000000{place}", JobState.SUCCEEDED, name=name, spec_json=wanted.dump(), since=600_000, facts=facts
        )
        jobs.append(made)
    found = entries(jobs)
    metrics = metrics_of(found)
    file = folder / "report.html"
    file.write_text(page(ranked(found, metrics[0]), metrics, tools, "nightly"), "utf-8")
    return file


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
def test_nothing_is_fetched_and_nothing_is_wider_than_the_screen(report: Path, width: int) -> None:
    seen = measured(report, width)
    assert seen["wide"] == width
    assert seen["page"] <= width
    assert seen["loaded"] == []
    assert seen["outside"] == []


def test_every_figure_has_a_title_axis_names_and_units(report: Path) -> None:
    seen = measured(report, 1280)
    assert len(seen["figures"]) == len(seen["titles"]) == 3 * len(METRICS) + 1
    for title, texts in zip(seen["titles"], seen["figures"], strict=True):
        words = " ".join(texts)
        assert all(word in words for word in title.split()), title
        assert any(name in words for name in ("mean ", "training step", "cost of the run")), title
        assert re.search(r"\((F1|school|share|cosine|USD|nats|cells)|0 to 1|grade|cosine", words), title
