"""Artifacts: by content, whole or absent."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from common.artifacts import ArtifactStore
from common.errors import ArtifactLost, InvalidSpec, Transient
from common.job import Pointer
from common.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "my files" / "artifacts"


@pytest.fixture
def kept(root: Path, tmp_path: Path) -> ArtifactStore:
    settings = Settings(home=root.parent)
    return ArtifactStore(settings.artifacts_url, scratch=tmp_path / "scratch")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_equal_bytes_are_one_file_under_their_hash(kept: ArtifactStore, root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"hints")
    pointers = {kept.put(b"hints"), kept.put(b"hints"), kept.put_file(source)}
    (pointer,) = pointers
    assert pointer == Pointer(hashlib.sha256(b"hints").hexdigest(), 5)
    assert files(root) == [root / pointer.sha256[:2] / pointer.sha256]
    assert kept.locate(pointer) == str(files(root)[0])


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 3_000_000])
def test_what_is_put_is_what_is_got(kept: ArtifactStore, data: bytes) -> None:
    assert kept.get(kept.put(data)) == data
    with kept.scratch() as folder:
        assert kept.local(kept.put(data), ".jsonl", folder).read_bytes() == data


def test_a_damaged_artifact_is_refused_set_aside_and_can_be_stored_again(
    kept: ArtifactStore, root: Path, tmp_path: Path
) -> None:
    pointer = kept.put(b"hints")
    for read in (kept.get, lambda p: kept.local(p, ".jsonl", tmp_path)):
        next(path for path in files(root) if path.suffix != ".damaged").write_bytes(b"HINTS")
        with pytest.raises(ArtifactLost, match=f"{pointer.sha256[:12]} is damaged: its content has another hash"):
            read(pointer)
        kept.put(b"hints")
        assert kept.get(pointer) == b"hints"


def test_an_artifact_that_is_absent_is_said_to_be(kept: ArtifactStore, root: Path, tmp_path: Path) -> None:
    pointer = kept.put(b"hints")
    files(root)[0].unlink()
    for read in (kept.get, lambda p: kept.local(p, ".jsonl", tmp_path)):
        with pytest.raises(ArtifactLost, match=f"artifact {pointer.sha256[:12]} is not in"):
            read(pointer)


def test_a_file_cut_short_is_written_again(kept: ArtifactStore, root: Path) -> None:
    pointer = kept.put(b"hints")
    files(root)[0].write_bytes(b"hi")
    assert kept.put(b"hints") == pointer
    assert kept.get(pointer) == b"hints"


def test_a_file_that_is_done_is_stored_without_a_copy(kept: ArtifactStore, root: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(b"hints")
    pointer = kept.put_file(made, done=True)
    assert made.stat().st_ino == files(root)[0].stat().st_ino
    made.unlink()
    assert kept.get(pointer) == b"hints"


def test_where_no_link_can_be_made_a_file_that_is_done_is_copied(
    kept: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr("os.link", refuse)
    made = tmp_path / "made"
    made.write_bytes(b"hints")
    assert kept.get(kept.put_file(made, done=True)) == b"hints"


def test_a_file_of_this_machine_is_read_where_it_is(kept: ArtifactStore, tmp_path: Path) -> None:
    pointer = kept.put(b"hints")
    with kept.reading(pointer, tmp_path) as path:
        assert str(path) == kept.locate(pointer)
        assert path.read_bytes() == b"hints"


def test_a_file_of_another_machine_is_copied_to_be_read(tmp_path: Path) -> None:
    elsewhere = ArtifactStore("memory://artifacts", scratch=tmp_path / "scratch")
    with elsewhere.reading(elsewhere.put(b"hints"), tmp_path) as path:
        assert path.parent == tmp_path
        assert path.read_bytes() == b"hints"


def come_to(error: Exception | None) -> None:
    if error:
        raise error


@pytest.mark.parametrize("then", [None, InvalidSpec("it is not JSON")])
def test_who_reads_a_damaged_file_learns_it_whatever_came_of_it(
    kept: ArtifactStore, root: Path, tmp_path: Path, then: Exception | None
) -> None:
    pointer = kept.put(b"hints")
    files(root)[0].write_bytes(b"HINTS")
    with pytest.raises(ArtifactLost, match="is damaged"), kept.reading(pointer, tmp_path):
        come_to(then)
    kept.put(b"hints")
    with kept.reading(pointer, tmp_path) as path:
        assert path.read_bytes() == b"hints"


def test_who_would_read_an_absent_file_reads_nothing(kept: ArtifactStore, root: Path, tmp_path: Path) -> None:
    pointer = kept.put(b"hints")
    files(root)[0].unlink()
    read = False
    with pytest.raises(ArtifactLost, match="is not in"), kept.reading(pointer, tmp_path):
        read = True
    assert not read


def test_a_local_copy_is_named_by_its_hash_and_goes_with_its_folder(kept: ArtifactStore, tmp_path: Path) -> None:
    pointer = kept.put(b"hints")
    with kept.scratch() as folder:
        assert kept.local(pointer, ".jsonl", folder).name == f"hintrelay-{pointer.sha256[:32]}.jsonl"
    assert files(tmp_path / "scratch") == []


def test_a_damaged_copy_leaves_nothing(kept: ArtifactStore, root: Path, tmp_path: Path) -> None:
    pointer = kept.put(b"hints")
    files(root)[0].write_bytes(b"HINTS")
    with pytest.raises(ArtifactLost), kept.scratch() as folder:
        kept.local(pointer, ".jsonl", folder)
    assert files(tmp_path / "scratch") == []


def test_where_no_folder_can_be_made_it_is_tried_again(kept: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "scratch").write_bytes(b"a file")
    with pytest.raises(Transient, match="no scratch folder can be made"), kept.scratch():
        pass


def test_a_file_half_written_is_never_seen_and_leaves_nothing(
    kept: ArtifactStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: Any, path: str, value: bytes, **kwargs: Any) -> None:
        Path(path).write_bytes(value[:2])
        raise OSError("no space left on device")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.pipe_file", half)
    with pytest.raises(Transient, match="cannot be written: no space left on device"):
        kept.put(b"hints")
    assert files(root) == []


def test_many_writers_of_the_same_bytes_make_one_whole_file(kept: ArtifactStore, root: Path) -> None:
    data = b"x" * 500_000
    writers = [threading.Thread(target=kept.put, args=(data,)) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [path.stat().st_size for path in files(root)] == [len(data)]
