"""The server's metadata: one SQLite file in WAL mode, written by whole transactions only.

A commit reaches the file before the call returns, so a `kill -9` of this process loses nothing that
was answered. One connection serves all threads, one transaction at a time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .reserve import Reserve

_FIRST = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    user TEXT NOT NULL,
    client_id TEXT,
    priority REAL,
    status TEXT NOT NULL,
    prompt TEXT NOT NULL,
    extra_data TEXT NOT NULL,
    targets TEXT NOT NULL,
    workflow_id TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    outputs TEXT NOT NULL DEFAULT '{}',
    messages TEXT NOT NULL DEFAULT '[]',
    error TEXT,
    kinds TEXT NOT NULL DEFAULT '',
    forgotten INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_by_id ON jobs (id);
CREATE INDEX IF NOT EXISTS jobs_by_user ON jobs (user, forgotten, created);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status);

CREATE TABLE IF NOT EXISTS assets (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    type TEXT NOT NULL,
    subfolder TEXT NOT NULL,
    filename TEXT NOT NULL,
    hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    mime TEXT NOT NULL,
    name TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}',
    preview_id TEXT,
    job_id TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    accessed INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS assets_by_name ON assets (user, type, subfolder, filename);
CREATE INDEX IF NOT EXISTS assets_by_filename ON assets (user, filename);
CREATE INDEX IF NOT EXISTS assets_by_title ON assets (user, name);
CREATE INDEX IF NOT EXISTS assets_by_hash ON assets (hash);
CREATE INDEX IF NOT EXISTS assets_by_job ON assets (job_id);

CREATE TABLE IF NOT EXISTS tags (
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (asset_id, tag)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS counters (
    user TEXT NOT NULL,
    type TEXT NOT NULL,
    prefix TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (user, type, prefix)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS userdata (
    user TEXT NOT NULL,
    path TEXT NOT NULL,
    content BLOB NOT NULL,
    modified INTEGER NOT NULL,
    PRIMARY KEY (user, path)
);

CREATE TABLE IF NOT EXISTS spending (
    user TEXT PRIMARY KEY,
    spent INTEGER NOT NULL
) WITHOUT ROWID;
"""


_MIGRATIONS = (_FIRST,)
"""What brings a database from version n (`PRAGMA user_version`) to n + 1, and an empty one to 1.

The first also takes databases made before versions were written, which have the same tables.
"""


class DatabaseTooNew(Exception):
    """The database was made by a newer version of this package."""


class Database:
    """The open database; safe to use from any thread. Raises `DatabaseTooNew`."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._reserve = Reserve(path.with_name("reserve"))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._refuse_newer()
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._migrate()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _refuse_newer(self) -> None:
        version = self._version()
        if version > len(_MIGRATIONS):
            self._connection.close()
            raise DatabaseTooNew(f"its version is {version}, and this package knows up to {len(_MIGRATIONS)}")

    def _migrate(self) -> None:
        version = self._version()
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;"
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction: what is executed inside is written completely or not at all."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise

    def keep_reserve(self) -> None:
        """Make sure there is room for the end of one more job; OSError when the disk is full."""
        with self._lock:
            self._reserve.keep()

    def insist(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Write what must not fail on a full disk, using the reserve if needed."""
        with self._lock:
            try:
                with self.transaction() as connection:
                    connection.execute(sql, values)
            except sqlite3.OperationalError:
                if not self._reserve.give_up():
                    raise
                with self.transaction() as connection:
                    connection.execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def close(self) -> None:
        """Write the log back into the file and close it."""
        with self._lock:
            self._connection.close()


class DataDirInUse(Exception):
    """Another server holds the data directory."""


class DataDirLock:
    """One server per data directory; the system releases the lock when the process ends in any way.

    SQLite's own file locking does it on every platform: an exclusive transaction that never ends.
    """

    def __init__(self, data_dir: Path) -> None:
        self._connection = sqlite3.connect(
            data_dir / "lock", timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" not in str(error):
                raise
            raise DataDirInUse(str(data_dir)) from error

    def release(self) -> None:
        """Let another server have the directory."""
        self._connection.close()
