"""The artifact store: files by the SHA-256 of their content, under an fsspec URL."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import ArtifactLost, Transient
from common.job import Pointer
from common.scratch import Scratch

CHUNK = 1 << 20  #: bytes read at a time
BESIDES = 1 << 21  #: the same in a thread beside a busy one: for each piece it waits for its turn


class ArtifactStore:
    """Files that stages hand on. Equal bytes are one file; a file is whole or absent."""

    def __init__(self, url: str, *, scratch: Path) -> None:
        import fsspec  # what only looks for work needs no file

        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._scratch = Scratch(scratch)

    def put(self, data: bytes) -> Pointer:
        """Store bytes."""
        pointer = Pointer(hashlib.sha256(data).hexdigest(), len(data))
        self._store(pointer, lambda target: self._fs.pipe_file(target, data))
        return pointer

    def put_file(self, path: Path, *, done: bool = False) -> Pointer:
        """Store a local file, read in pieces. `done`: nobody writes to it any more, and it need not be copied where the
        store is on its disk."""
        pointer = measure(path)
        self._store(
            pointer, lambda target: self._link(path, target) if done and self._here else self._copy(path, target)
        )
        return pointer

    def get(self, pointer: Pointer) -> bytes:
        """The bytes, checked against their hash. Raises ArtifactLost, Transient."""
        with self._reading(pointer):
            data: bytes = self._fs.cat_file(self._path(pointer))
        if hashlib.sha256(data).hexdigest() != pointer.sha256:
            raise self._damaged(pointer)
        return data

    def has(self, pointer: Pointer) -> bool:
        """Whether it is there, whole as far as its size tells."""
        try:
            return bool(self._fs.size(self._path(pointer)) == pointer.size)
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise Transient(f"artifact {pointer.sha256[:12]} cannot be read: {exc}") from exc

    def local(self, pointer: Pointer, suffix: str, folder: Path) -> Path:
        """A copy in `folder`, named by its hash, as uploads need, and checked against it. Raises as `get` does."""
        path = folder / f"hintrelay-{pointer.sha256[:32]}{suffix}"
        with self._reading(pointer):
            self._fs.get_file(self._path(pointer), str(path))
            if measure(path) != pointer:
                raise self._damaged(pointer)
        return path

    @contextlib.contextmanager
    def reading(self, pointer: Pointer, folder: Path) -> Iterator[Path]:
        """A file to read that has the bytes: the store's own if it is on this machine, else a copy in `folder`.

        The own one is checked against its hash meanwhile: whoever is done with it learns that it is damaged by
        ArtifactLost, whatever came of it. Raises as `get` does.
        """
        if not self._here:
            yield self.local(pointer, ".json", folder)
            return
        from concurrent.futures import ThreadPoolExecutor

        path = Path(self._path(pointer))
        with ThreadPoolExecutor(1, "hash") as pool:
            measuring = pool.submit(measure, path, BESIDES)
            try:
                with self._reading(pointer):
                    path.stat()
                yield path
            finally:
                with self._reading(pointer):
                    measured = measuring.result()
                if measured != pointer:
                    raise self._damaged(pointer)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of this machine for local copies, gone at the end. Raises Transient where none can be made."""
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(self._scratch.folder())
            except OSError as exc:
                raise Transient(f"no scratch folder can be made: {exc}") from exc
            yield folder

    def locate(self, pointer: Pointer) -> str:
        """Where the bytes are, as people may open them."""
        return str(self._path(pointer))

    @contextlib.contextmanager
    def _reading(self, pointer: Pointer) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as exc:
            raise ArtifactLost(
                f"artifact {pointer.sha256[:12]} is not in {self._root}: was it deleted, or do the machines not share "
                "one HINTRELAY_ARTIFACTS?"
            ) from exc
        except OSError as exc:
            raise Transient(f"artifact {pointer.sha256[:12]} cannot be read: {exc}") from exc

    def _damaged(self, pointer: Pointer) -> ArtifactLost:
        """Set the file aside, so that the same content can be stored again."""
        with contextlib.suppress(OSError):
            self._fs.mv(self._path(pointer), self._path(pointer) + ".damaged")
        return ArtifactLost(f"artifact {pointer.sha256[:12]} is damaged: its content has another hash; it is set aside")

    @property
    def _here(self) -> bool:
        """Whether its files are this machine's."""
        protocol = self._fs.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def _link(self, path: Path, target: str) -> None:
        try:
            os.link(path, target)
        except OSError:  # another disk, or one without links
            self._copy(path, target)

    def _copy(self, path: Path, target: str) -> None:
        self._fs.put_file(str(path), target)

    def _path(self, pointer: Pointer) -> str:
        return f"{self._root}/{pointer.sha256[:2]}/{pointer.sha256}"

    def _store(self, pointer: Pointer, write: Any) -> None:
        target = self._path(pointer)
        if self._fs.exists(target) and self._fs.size(target) == pointer.size:
            return
        partial = f"{target}.{secrets.token_hex(4)}.part"
        try:
            self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            write(partial)
            self._fs.mv(partial, target)
        except OSError as exc:
            raise Transient(f"artifact {pointer.sha256[:12]} cannot be written: {exc}") from exc
        finally:
            with contextlib.suppress(OSError):
                if self._fs.exists(partial):
                    self._fs.rm_file(partial)


def measure(path: Path, at_once: int | None = None) -> Pointer:
    """A local file's hash and size, read in pieces."""
    digest, size, piece = hashlib.sha256(), 0, memoryview(bytearray(at_once or CHUNK))
    with path.open("rb", 0) as file:
        while count := file.readinto(piece):
            digest.update(piece[:count])
            size += count
    return Pointer(digest.hexdigest(), size)
