"""What survives a kill -9: rows and file contents in SQLite, in a folder or in memory."""

import sqlite3
from pathlib import Path
from typing import Any

import orjson

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, doc BLOB NOT NULL, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS contents (file_id TEXT PRIMARY KEY, body BLOB NOT NULL);
"""


class State:
    """Rows of JSON by kind and id, in order of arrival; every call is durable when it returns."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        where = ":memory:" if folder is None else str(folder / "sandbox.sqlite3")
        self._db = sqlite3.connect(where, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # enough where processes die and machines do not
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def put(self, kind: str, row_id: str, doc: Any) -> None:
        """Write a row (a dataclass or a dict), keeping its place when it is there already."""
        self._db.execute(
            "INSERT INTO rows (kind, id, doc) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET doc = excluded.doc",
            (kind, row_id, orjson.dumps(doc)),
        )

    def drop(self, kind: str, row_id: str) -> None:
        """Remove a row, if it is there."""
        self._db.execute("DELETE FROM rows WHERE kind = ? AND id = ?", (kind, row_id))

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """All rows of a kind, oldest first."""
        found = self._db.execute("SELECT doc FROM rows WHERE kind = ? ORDER BY seq", (kind,))
        return [orjson.loads(doc) for (doc,) in found]

    def put_content(self, file_id: str, body: bytes) -> None:
        """Keep a file's bytes."""
        self._db.execute("INSERT OR REPLACE INTO contents (file_id, body) VALUES (?, ?)", (file_id, body))

    def content(self, file_id: str) -> bytes | None:
        """A file's bytes; they stay when the file is deleted, for models were trained on them."""
        found = self._db.execute("SELECT body FROM contents WHERE file_id = ?", (file_id,)).fetchone()
        return None if found is None else bytes(found[0])
