"""The job spec, version 1: what somebody wants. Parsed once, at the door; stages take it as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from common import durations
from common.errors import InvalidSpec
from common.metrics import Metric, is_judged

MAX_SPEC_BYTES = 256 * 1024  #: a spec is a page of settings; anything longer is a mistake or an attack
SUFFIX_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has control characters; only printable text is allowed")
    return text


def _open(source: str) -> str:
    if "://" in source and "@" in source.partition("://")[2].partition("/")[0]:
        raise ValueError("must not hold a user or password: the worker's environment gives those to fsspec")
    return source


def _duration(text: str) -> str:
    if not 0 < durations.seconds(text) <= 366 * 86400:
        raise ValueError(f"must be longer than 0 and at most 366d, not {text!r}")
    return text


def _suffix(text: str) -> str:
    if not re.fullmatch(SUFFIX_PATTERN, text):
        raise ValueError(f"is {len(text)} characters, {text!r}; allowed are 1 to 31 of a-z 0-9 and - (not at an end)")
    return text


Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Duration = Annotated[str, Field(max_length=50), AfterValidator(_duration)]


Gate = Literal["report", "drop", "block"]


class GatesSpec(_Part):
    """What is done about training rows that look wrong: told; left out; or the job refused before it pays."""

    answer_in_hint: Gate = "report"  #: a hint has the row's answer in it
    overlap: Gate = "report"  #: the question is one of those that are asked, or nearly
    mojibake: Gate = "report"  #: a text was decoded with the wrong character set


class DatasetSpec(_Part):
    """Which questions, answers and hints."""

    source: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_printable), AfterValidator(_open)]
    train: Text = "train"
    test: Text = "test"
    test_limit: Annotated[int, Field(ge=1, lt=2**31)] | None = None  #: first N questions; null is all
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1234  #: order of the training rows
    gates: GatesSpec = GatesSpec()


class FinetuneSpec(_Part):
    """What the platform is asked to train. Names and meaning as in the Together SDK's `fine_tuning.create`."""

    model: Text
    format: Literal["messages", "llama3"] = "messages"
    n_epochs: Annotated[int, Field(ge=1, le=100)] = 3
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Literal["max"] = 16
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-5
    suffix: Annotated[str, AfterValidator(_suffix)] = "hintrelay"
    lora: bool | None = None
    lora_r: Annotated[int, Field(ge=1, le=1024)] | None = None
    lora_alpha: Annotated[float, Field(gt=0, le=4096)] | None = None
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    lora_trainable_modules: Text | None = None
    warmup_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    max_grad_norm: Annotated[float, Field(ge=0)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    lr_scheduler_type: Literal["linear", "cosine"] | None = None
    min_lr_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    scheduler_num_cycles: Annotated[float, Field(gt=0)] | None = None
    n_checkpoints: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    train_on_inputs: bool | Literal["auto"] | None = None
    packing: bool | None = None
    random_seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None

    @model_validator(mode="after")
    def _lora_or_not(self) -> Self:
        if self.lora is False and self.adapter:
            raise ValueError(f"{next(iter(self.adapter))} goes with lora: true, but lora is false")
        return self

    @property
    def adapter(self) -> dict[str, Any]:
        """The LoRA settings that were given; they imply `lora: true`."""
        names = ("lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class DeploySpec(_Part):
    """How the tuned model gets a name that answers."""

    MINUTES: ClassVar[int] = 60  #: of an endpoint, unless `max_minutes` says otherwise
    IDLE_MINUTES: ClassVar[int] = 30  #: the least that the platform takes

    mode: Literal["manual", "detect", "auto"] = "manual"  #: wait for a name | also look for one | start and stop one
    hardware: Text | None = None  #: with auto: as the platform names it; else the cheapest that serves the model
    config: Text | None = None  #: with auto: the platform's config, instead of hardware
    max_minutes: Annotated[int, Field(ge=1, le=1440)] | None = None  #: with auto: it ends after these, whatever runs
    inactive_minutes: Annotated[int, Field(ge=30, le=1440)] | None = None  #: with auto: the platform's own timeout
    preflight: bool | None = None  #: with auto: false pays for the fine-tune though no config serves its model

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        only_auto = ("hardware", "config", "max_minutes", "inactive_minutes", "preflight")
        given = [name for name in only_auto if getattr(self, name) is not None]
        if given and self.mode != "auto":
            raise ValueError(f"{given[0]} goes with mode: auto, but mode is {self.mode}")
        if self.hardware and self.config:
            raise ValueError("hardware and config: give one of them; a config says its hardware")
        return self

    @property
    def minutes(self) -> int:
        return self.max_minutes or self.MINUTES

    @property
    def idle_minutes(self) -> int:
        return self.inactive_minutes or self.IDLE_MINUTES


class GenerateSpec(_Part):
    """How hints are asked for."""

    num_of_hints: Annotated[int, Field(ge=1, le=50)] = 2
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 5  #: requests in flight
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1, le=32768)] = 512  #: of one whole answer, all its hints


#: keys that came after the first release: in a digest only where they were given, so that a stored key stays its job's
ADDED = (
    ("dataset", "gates"),
    ("fresh",),
    ("priority",),
    ("limits", "max_cost_usd"),
    ("limits", "max_running"),
    ("evaluate", "judge"),
    ("evaluate", "sentence_model"),
    ("evaluate", "unavailable"),
    ("evaluate", "baseline"),
    ("evaluate", "baseline_name"),
    ("limits", "max_endpoints"),
    *(("deploy", name) for name in ("hardware", "config", "max_minutes", "inactive_minutes", "preflight")),
)


class JudgeSpec(_Part):
    """The model that is asked for LLM-based metrics, by the name under which the platform serves it."""

    model: Text
    batch_size: Annotated[int, Field(ge=1, le=256)] = 5  #: requests in flight


class EvaluateSpec(_Part):
    """Which of HintEval's metrics are taken."""

    metrics: list[Metric] = ["rouge1", "rougeL", "answer_leakage"]
    judge: JudgeSpec | None = None  #: asked for the metrics whose name ends in .llm
    sentence_model: Text = "all-mpnet-base-v2"  #: for answer_leakage.contextual
    unavailable: Literal["report", "block"] = "report"  #: what a metric that a worker cannot take does to the job

    baseline: bool = False  #: ask the base model too, and compare
    baseline_name: Text | None = None  #: under which it answers; else its own name, as a serverless model's

    @model_validator(mode="after")
    def _baseline_or_not(self) -> Self:
        if self.baseline_name is not None and not self.baseline:
            raise ValueError("baseline_name goes with baseline: true, but baseline is false")
        return self

    @model_validator(mode="after")
    def _judge_for_the_judged(self) -> Self:
        judged = [metric for metric in self.metrics if is_judged(metric)]
        if judged and self.judge is None:
            raise ValueError(f"the metric {judged[0]} asks a judge: give evaluate.judge.model, a model that is served")
        return self


@lru_cache(64)
def _stem(source: str) -> str:
    """The name of a job whose spec gives none."""
    return Path(source).stem[:200]


def _name(template: str, parts: Mapping[str, Any]) -> str:
    """A job's name. Raises InvalidSpec for a hole that nothing fills."""
    if not template:
        return _stem(parts["dataset"].source)
    from common.matrix import fill

    return fill(template, parts)[:200]


class LimitsSpec(_Part):
    """When hintrelay gives up."""

    deadline: Duration = "24h"  #: from acceptance to success
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5  #: of each stage
    max_cost_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = None  #: of the job; what exceeds it is not paid
    max_running: Annotated[int, Field(ge=1, le=100_000)] | None = None  #: runs at the platform at once, of all jobs
    max_endpoints: Annotated[int, Field(ge=1, le=1000)] | None = None  #: this job starts one only while fewer run


class JobSpec(_Part):
    """One job: a data set, a model, how to train, deploy, generate and evaluate."""

    VERSION: ClassVar[int] = 1

    version: Literal[1]
    name: Annotated[str, Field(max_length=200), AfterValidator(_printable)] = ""
    priority: Literal["high", "normal", "low"] = "normal"  #: who stands in line before whom, for workers
    dataset: DatasetSpec
    finetune: FinetuneSpec
    deploy: DeploySpec = DeploySpec()
    generate: GenerateSpec = GenerateSpec()
    evaluate: EvaluateSpec = EvaluateSpec()
    limits: LimitsSpec = LimitsSpec()
    fresh: bool = False  #: pay for a run of its own, though an equal one is trained or trains

    @classmethod
    def parse(cls, data: object) -> Self:
        """A spec without a matrix. Raises InvalidSpec with the path of the key and what is allowed."""
        if not isinstance(data, dict):
            raise InvalidSpec(f"a spec is a mapping of keys to values, not {type(data).__name__}")
        version = data.get("version")
        if isinstance(version, int) and not isinstance(version, bool) and version > cls.VERSION:
            from common.spec_errors import quoted

            raise InvalidSpec(
                f"version: this hintrelay reads specs of version {cls.VERSION}, not {quoted(version)}: upgrade it"
            )
        try:
            spec = cls.model_validate(data)
        except ValidationError as exc:
            from common.spec_errors import sentence

            raise InvalidSpec(sentence(exc, cls)) from exc
        return spec.with_parts({"name": spec.name})

    def with_parts(self, parts: dict[str, Any]) -> Self:
        """With these keys instead, which are checked already; `name` among them is not filled in yet."""
        return self.model_copy(update={**parts, "name": _name(parts["name"], {**vars(self), **parts})})

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The one job of a YAML or JSON file. Raises InvalidSpec, also where the file's matrix makes several jobs."""
        from common.matrix import expand
        from common.spec_files import read

        specs = expand(read(Path(path)))
        if len(specs) != 1:
            raise InvalidSpec(f"{path}: its matrix makes {len(specs)} jobs; use `from_file_all` for those")
        return cls.model_validate(specs[0].model_dump())

    @classmethod
    def from_file_all(cls, path: str | Path) -> list[JobSpec]:
        """Every job of a YAML or JSON file, its matrix expanded. Raises InvalidSpec."""
        from common.matrix import expand
        from common.spec_files import read

        return expand(read(Path(path)))

    def dump(self) -> dict[str, Any]:
        """As plain JSON values, defaults included: what is stored outlives a change of defaults."""
        return self.model_dump(mode="json")

    def digest(self, data_sha256: str | None = None) -> str:
        """Equal for equal jobs: of all that is wanted, and of the data's bytes where they are known."""
        from common.spec_dump import SpecDumper

        return SpecDumper().digest(self, data_sha256)
