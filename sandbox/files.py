"""The files of the account: upload in three requests, validation by the clock."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from . import validation
from .clock import Clock
from .errors import PlatformError
from .state import State

KIND = "file"
#: share of the validation that a file waits before it begins
QUEUE_SHARE = 0.3
TYPES = frozenset({"jsonl", "csv", "parquet"})
PURPOSES = frozenset({"fine-tune", "eval", "batch-api"})


@dataclass(frozen=True)
class StoredFile:
    """A file record; it has no bytes until they are put, and no validation until that is asked for."""

    id: str
    filename: str
    purpose: str
    file_type: str
    checksum: str
    created_at: float
    size: int = 0
    has_bytes: bool = False
    fate: str | None = None  #: "invalid" when a fault wants it refused
    checked_from: float | None = None  #: when validation began
    check_seconds: float = 0.0
    report: dict[str, Any] | None = None

    def status(self, now: float) -> str:
        """The platform's processing status."""
        if self.checked_from is None:
            return "PENDING"
        share = (now - self.checked_from) / self.check_seconds if self.check_seconds else 1.0
        if share < 1:
            return "PENDING" if share < QUEUE_SHARE else "RUNNING"
        return "COMPLETED" if self.report is None or self.report["valid"] else "INVALID_FORMAT"

    def as_json(self, now: float) -> dict[str, Any]:
        """The record as the platform shows it."""
        status = self.status(now)
        return {
            "id": self.id,
            "object": "file",
            "created_at": int(self.created_at),
            "filename": self.filename,
            "bytes": self.size,
            "purpose": self.purpose,
            "FileType": self.file_type,
            "Processed": self.checked_from is not None,
            "LineCount": (self.report or {}).get("nlines") or 0,
            "processing_status": status,
            "validation_report": self.report if status in ("COMPLETED", "INVALID_FORMAT") else None,
        }


class Files:
    """All file records, in memory and in the state."""

    def __init__(self, state: State, clock: Clock, check_seconds: float) -> None:
        self._state = state
        self._clock = clock
        self._check_seconds = check_seconds
        self._all: dict[str, StoredFile] = {}
        self._complete: dict[str, str] = {}  # checksum -> id
        for row in state.rows(KIND):
            self._know(StoredFile(**row))

    def get(self, file_id: str) -> StoredFile:
        """A file record, or the platform's 404."""
        try:
            return self._all[file_id]
        except KeyError:
            raise PlatformError(404, f"No such file: {file_id}", param="id") from None

    def all(self) -> list[StoredFile]:
        """All records, oldest first."""
        return list(self._all.values())

    def complete_twin(self, checksum: str) -> StoredFile | None:
        """The complete file with these bytes, if there is one."""
        return self._all.get(self._complete.get(checksum, ""))

    def create(self, fields: dict[str, str], fate: str | None = None) -> StoredFile:
        """Make a record that waits for its bytes."""
        purpose, file_type = fields.get("purpose", "fine-tune"), fields.get("file_type", "jsonl")
        if not fields.get("file_name"):
            raise PlatformError(400, "file_name is required", param="file_name")
        if purpose not in PURPOSES or file_type not in TYPES:
            raise PlatformError(400, f"purpose {purpose!r} or file type {file_type!r} is not supported")
        return self._keep(
            StoredFile(
                id=f"file-{uuid4()}",
                filename=fields["file_name"],
                purpose=purpose,
                file_type=file_type,
                checksum=fields.get("checksum", "").lower(),
                created_at=self._clock.now(),
                fate=fate,
            )
        )

    def put_bytes(self, file_id: str, body: bytes) -> None:
        """Take the bytes of a file, which must be those announced."""
        file, checksum = self.get(file_id), hashlib.sha256(body).hexdigest()
        if file.checksum and checksum != file.checksum:
            raise PlatformError(400, "the bytes do not have the checksum that was announced", param="checksum")
        self._state.put_content(file_id, body)
        self._keep(replace(file, checksum=checksum, size=len(body), has_bytes=True))

    def begin_check(self, file_id: str) -> StoredFile:
        """Begin the validation of a file that has its bytes; a second call changes nothing."""
        file = self.get(file_id)
        if not file.has_bytes:
            raise PlatformError(400, f"File {file_id} has not been uploaded yet", param="id")
        if file.checked_from is not None:
            return file
        return self._keep(
            replace(
                file,
                checked_from=self._clock.now(),
                check_seconds=self._clock.takes(self._check_seconds) if file.purpose == "fine-tune" else 0.0,
                report=self._report(file),
            )
        )

    def content(self, file_id: str) -> bytes:
        """The bytes of a file that is still listed."""
        return self._state.content(self.get(file_id).id) or b""

    def delete(self, file_id: str) -> None:
        """Forget a record; what was trained on its bytes keeps them."""
        gone = self.get(file_id)
        del self._all[file_id]
        if self._complete.get(gone.checksum) == file_id:
            del self._complete[gone.checksum]
        self._state.drop(KIND, file_id)

    def _report(self, file: StoredFile) -> dict[str, Any] | None:
        if file.purpose != "fine-tune":
            return None
        if file.fate == "invalid":
            return validation.refused(file.id, "line 1: the content could not be read as a training sample")
        if file.file_type != "jsonl":
            return validation.unchecked(file.id)
        return validation.report(file.id, self._state.content(file.id) or b"")

    def _keep(self, file: StoredFile) -> StoredFile:
        self._state.put(KIND, file.id, file)
        self._know(file)
        return file

    def _know(self, file: StoredFile) -> None:
        self._all[file.id] = file
        if file.checked_from is not None:
            self._complete.setdefault(file.checksum, file.id)
