"""Spec files: YAML or JSON text into a plain document. Bad text gets one sentence."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from common.errors import InvalidSpec
from common.spec import MAX_SPEC_BYTES


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 1e-5 as a number (as YAML 1.2 does) and refuses aliases and a key given twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # a few of them make a document of gigabytes
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # types-PyYAML leaves it untyped
            raise yaml.MarkedYAMLError(problem="aliases (*name) are refused; write the value out", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():  # else: `!!set [a]`
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark)
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {k: list(v) for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(path: Path) -> Any:
    """The document in a spec file; JSON where its name ends so, else YAML. Raises InvalidSpec."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SPEC_BYTES + 1)
    except (OSError, ValueError) as exc:  # ValueError: a path with a zero byte
        raise InvalidSpec(
            f"{path}: {getattr(exc, 'strerror', None) or exc}; give the path of a YAML or JSON spec"
        ) from exc
    if len(raw) > MAX_SPEC_BYTES:
        raise InvalidSpec(f"{path}: is longer than {MAX_SPEC_BYTES // 1024} KiB; a spec is a page of settings")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidSpec(f"{path}: is not UTF-8 text (byte {exc.start}); a spec is YAML or JSON") from exc
    return loads(text, str(path), as_json=path.suffix.lower() == ".json")


def loads(text: str, where: str, *, as_json: bool = False) -> Any:
    """The document in `text`; `where` names it in errors. Raises InvalidSpec."""
    if not as_json and text.lstrip().startswith("{"):  # JSON by pipe; YAML would trip over its surrogate pairs
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text, object_pairs_hook=_once)
    try:
        if as_json:
            return json.loads(text, object_pairs_hook=_once)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # _Loader is a SafeLoader
    except RecursionError as exc:
        raise InvalidSpec(f"{where}: is nested too deeply; a spec has two levels") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        at = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise InvalidSpec(f"{where}: is not YAML{at}: {getattr(exc, 'problem', None) or 'cannot be read'}") from exc
    except (ValueError, LookupError, AttributeError) as exc:  # the last two: PyYAML, of `!!bool x`, `!!timestamp x`
        kind = "JSON" if as_json else "YAML: a value cannot be read"
        raise InvalidSpec(f"{where}: is not {kind}: {str(exc)[:200]}") from exc


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"key {key!r} is given twice")
        document[key] = value
    return document


def assignment(text: str) -> tuple[str, Any]:
    """A `--set key=value` as (dotted key, value read as YAML). Raises InvalidSpec."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InvalidSpec(f"--set {text}: write it as key=value, for example finetune.n_epochs=2")
    return key.strip(), loads(value, f"--set {key}")
