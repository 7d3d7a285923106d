"""The Datasets port: HintEval's own data sets by name, and files on this machine or behind an fsspec URL."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from common.dataset import is_url, refuse_pickle
from common.errors import InvalidSpec, Permanent, Transient

FETCHED = "dataset.json"
CHUNK = 1 << 20  #: bytes read at a time
LATER = frozenset({408, 425, 429})  #: answers to be asked for again, beside 5xx
MAX_BYTES = 4 << 30  #: of one data set; more is no question-and-hints data


class DatasetFiles:
    """`roots` are the folders and URL prefixes that sources may lie under; none is any."""

    def __init__(self, roots: str) -> None:
        self._roots = [root for root in _split(roots) if root]

    def download(self, name: str, folder: Path) -> Path:
        """HintEval fetches a pickle of its own from its hub, and only from there, and keeps it in its own cache."""
        from worker.adapters.hinteval import load

        load()
        from hinteval import Dataset

        try:
            dataset = Dataset.download_and_load_dataset(name)
        except FileNotFoundError as exc:
            raise Permanent(f"dataset.source: HintEval has no data set {name}: {exc}", code="invalid_spec") from exc
        except (OSError, ValueError) as exc:
            raise Transient(f"HintEval could not fetch the data set {name}: {exc}"[:500], code="download") from exc
        except Exception as exc:
            raise Transient(f"HintEval could not load the data set {name}: {exc!r}"[:500], code="download") from exc
        path = folder / FETCHED
        dataset.store_json(str(path))
        return path

    def fetch(self, source: str, folder: Path) -> Path:
        try:
            refuse_pickle(source)
        except InvalidSpec as exc:
            raise Permanent(exc.message, code=exc.code) from exc
        return self._fetch(source, folder / FETCHED) if is_url(source) else self._file(source)

    def _file(self, source: str) -> Path:
        path = Path(source).expanduser().resolve()
        roots = [Path(root).expanduser().resolve() for root in self._roots if not is_url(root)]
        if self._roots and not any(path.is_relative_to(root) for root in roots):
            raise Permanent(
                f"dataset.source: {source} lies outside of the folders that this worker allows (HINTRELAY_DATA_ROOTS)",
                code="forbidden_path",
            )
        try:
            if path.stat().st_size > MAX_BYTES:
                raise Permanent(f"dataset.source: {source} is larger than {MAX_BYTES >> 30} GiB", code="invalid_spec")
            with path.open("rb"):
                return path
        except OSError as exc:
            raise Permanent(
                f"dataset.source: {source} cannot be read on this worker: {exc.strerror}", code="invalid_spec"
            ) from exc

    def _fetch(self, source: str, path: Path) -> Path:
        import fsspec

        if "::" in source:
            raise Permanent(f"dataset.source: {source} is a chain of URLs; give one plain URL", code="invalid_spec")
        if source.startswith(("file://", "local://")):
            return self._file(source.partition("://")[2])
        if self._roots and not any(source.startswith(root.rstrip("/") + "/") for root in self._roots if is_url(root)):
            raise Permanent(
                f"dataset.source: {source} is not among the sources that this worker allows (HINTRELAY_DATA_ROOTS)",
                code="forbidden_path",
            )
        try:
            with fsspec.open(source, "rb") as file, path.open("wb") as copy:
                _copy(file, copy, source)
        except (ValueError, ImportError) as exc:
            raise Permanent(f"dataset.source: {source} cannot be opened: {exc}", code="invalid_spec") from exc
        except FileNotFoundError as exc:
            raise _not_there(source, exc.__cause__) from exc
        except OSError as exc:
            raise Transient(f"dataset.source: {source} cannot be read: {exc}", code="download") from exc
        return path


def _not_there(source: str, why: object) -> Permanent | Transient:
    """fsspec calls whatever goes wrong over HTTP a file that is not found; its cause says what it was."""
    import aiohttp

    status = getattr(why, "status", None)
    if isinstance(why, aiohttp.ClientError | TimeoutError) and (status is None or status in LATER or status >= 500):
        reason = f"answered {status}" if status else repr(why)
        return Transient(f"dataset.source: {source} cannot be read just now: {reason}"[:500], code="download")
    if status in {401, 403}:
        return Permanent(f"dataset.source: {source} may not be read (answered {status})", code="invalid_spec")
    return Permanent(f"dataset.source: there is nothing at {source}", code="invalid_spec")


def _copy(file: BinaryIO, copy: BinaryIO, source: str) -> None:
    while chunk := file.read(CHUNK):
        copy.write(chunk)
        if copy.tell() > MAX_BYTES:
            raise Permanent(f"dataset.source: {source} is larger than {MAX_BYTES >> 30} GiB", code="invalid_spec")


def _split(roots: str) -> list[str]:
    """':' between roots, but not the one of ://."""
    return [part.replace("\0", "://") for part in roots.replace("://", "\0").split(":")]
