"""SPEC arguments into checked job specs: files or stdin, `--set`, matrix, paths of data sets."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from common.dataset import is_name, is_url
from common.errors import InvalidSpec
from common.matrix import expand, put
from common.spec import MAX_SPEC_BYTES, DatasetSpec, JobSpec
from common.spec_files import assignment, loads, read
from producer.cli.output import say

if TYPE_CHECKING:
    from producer.exported import Exported

F = TypeVar("F", bound=Callable[..., Any])
STDIN = "-"
EXPORTED = "hintrelay.exported"  #: in click's meta: the folder of --from


def spec_arguments(command: F) -> F:
    """SPEC..., --from, --set and --fresh, as submit and plan have them."""
    command = click.option("--fresh", is_flag=True, help="Pay for a run of its own where an equal one is there.")(
        command
    )
    command = click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a key of every spec.")(
        command
    )
    command = click.option(
        "--from",
        metavar="DIR",
        type=click.Path(file_okay=False),
        is_eager=True,  # before SPEC...
        expose_value=False,
        callback=_remember,
        help="The jobs of a batch that `export` wrote to DIR.",
    )(command)
    return click.argument("specs", nargs=-1, metavar="SPEC...", callback=_with_exported)(command)


def _remember(ctx: click.Context, _param: click.Parameter, folder: str | None) -> None:
    ctx.meta[EXPORTED] = folder


def _with_exported(ctx: click.Context, param: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    folder: str | None = ctx.meta.get(EXPORTED)
    if folder is None and not paths:
        raise click.MissingParameter(ctx=ctx, param=param)
    return paths if folder is None else (os.path.join(folder, ""), *paths)


def read_specs(
    paths: Sequence[str], sets: Sequence[str], *, fresh: bool = False, files: dict[str, Path] | None = None
) -> list[JobSpec]:
    """The jobs of all files, in order. Raises InvalidSpec, which names the file where there are several.

    Specs of an export name their data sets as they did before; `files` is told where their copies are.
    """
    assignments = [assignment(text) for text in sets] + ([("fresh", True)] if fresh else [])
    jobs: list[JobSpec] = []
    found = [one for path in paths for one in _files(path)]
    for one in found:
        path = one.spec
        try:
            jobs += _named_as_before(_jobs(path, assignments), one, files)
        except InvalidSpec as exc:
            if len(found) == 1 or exc.message.startswith(path):
                raise
            raise InvalidSpec(f"{path}: {exc.message}", hint=exc.hint) from exc
    return jobs


def _files(path: str) -> list[Exported]:
    """A file is itself; a folder is an export, and means its specs."""
    from producer.exported import Exported, exported

    if not (path.endswith(os.sep) or os.path.isdir(path)):
        return [Exported(path, None, None)]
    return exported(Path(path))


def _named_as_before(specs: list[JobSpec], one: Exported, files: dict[str, Path] | None) -> list[JobSpec]:
    """A second data set of one name keeps the name of its copy, and so does one that --set has given."""
    if files is None or one.source is None or one.data is None:
        return specs
    return [
        spec.model_copy(update={"dataset": spec.dataset.model_copy(update={"source": one.source})})
        if _same_file(spec.dataset.source, one.data) and files.setdefault(one.source, one.data) == one.data
        else spec
        for spec in specs
    ]


def _same_file(source: str, data: Path) -> bool:
    return os.path.realpath(source) == os.path.realpath(data)


def _jobs(path: str, assignments: Sequence[tuple[str, Any]]) -> list[JobSpec]:
    document = _document(path)
    for key, value in assignments:
        _assign(document, key, value)
    folder = Path() if path == STDIN else Path(path).parent
    return _found(expand(document), folder)


def _document(path: str) -> Any:
    if path != STDIN:
        return read(Path(path))
    raw = sys.stdin.buffer.read(MAX_SPEC_BYTES + 1)
    if len(raw) > MAX_SPEC_BYTES:
        raise InvalidSpec(f"stdin: is longer than {MAX_SPEC_BYTES // 1024} KiB; a spec is a page of settings")
    try:
        return loads(raw.decode("utf-8-sig"), "stdin")
    except UnicodeDecodeError as exc:
        raise InvalidSpec(f"stdin: is not UTF-8 text (byte {exc.start}); a spec is YAML or JSON") from exc


def _assign(document: Any, key: str, value: Any) -> None:
    """`matrix.<key>` sets an axis; a key that the matrix varies is varied no more."""
    if not isinstance(document, dict):
        return  # expand says what is wrong with it
    matrix = document.get("matrix")
    if key.startswith("matrix."):
        if not isinstance(matrix, dict):
            matrix = document["matrix"] = {}
        matrix[key.removeprefix("matrix.")] = value
        return
    if isinstance(matrix, dict) and key in matrix:
        del matrix[key]
        say(f"--set {key}: is no longer varied by the matrix")
    put(document, key, value)


def _found(specs: Sequence[JobSpec], folder: Path) -> list[JobSpec]:
    """A relative path of a data set means the current folder; where it is absent there, the spec file's."""
    beside = {source: _beside(source, folder) for source in {spec.dataset.source for spec in specs}}
    moved: dict[int, DatasetSpec] = {}  #: specs of a matrix go on sharing their data set
    return [
        spec.model_copy(
            update={"dataset": moved.setdefault(id(spec.dataset), spec.dataset.model_copy(update={"source": path}))}
        )
        if (path := beside[spec.dataset.source])
        else spec
        for spec in specs
    ]


def _beside(source: str, folder: Path) -> str | None:
    beside = folder / source
    if is_url(source) or is_name(source) or Path(source).expanduser().exists() or not beside.is_file():
        return None
    return str(beside)
