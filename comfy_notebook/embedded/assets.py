"""A user's files: names, kinds and tags, each pointing at a content by its hash.

A file is addressed as ComfyUI does, by (filename, subfolder, type), and as the Cloud does, by hash:
`<64 hex>.png`, `<64 hex>` or `blake3:<64 hex>`. Contents are counted by the rows that refer to them
and removed with the last.
"""

from __future__ import annotations

import json
import mimetypes
import re
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .blobs import Blobs
from .database import Database

KINDS = ("input", "output", "temp")
_HASH_NAME = re.compile(r"(?:blake3:)?([0-9a-f]{64})(?:\.[A-Za-z0-9]{1,8})?")
_ANNOTATED = re.compile(r"(.*?)\s*\[(input|output|temp)\]", re.DOTALL)
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")
# What mimetypes does not know on every platform.
_MIMES = {".webp": "image/webp", ".webm": "video/webm", ".flac": "audio/flac", ".opus": "audio/ogg",
          ".latent": "application/octet-stream", ".safetensors": "application/octet-stream"}  # fmt: skip


@dataclass(frozen=True)
class Asset:
    """One file of one user; times in milliseconds since the epoch."""

    id: str
    user: str
    type: str
    subfolder: str
    filename: str
    hash: str
    size: int
    mime: str
    name: str
    metadata: Mapping[str, Any]
    preview_id: str | None
    job_id: str | None
    created: int
    updated: int
    accessed: int

    @property
    def reference(self) -> dict[str, str]:
        """How messages and graphs name this file."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}


def extension(name: str) -> str:
    """The name's extension with its dot, lower case, or nothing when it has none worth keeping."""
    found = _EXTENSION.fullmatch(Path(name.replace("\\", "/")).suffix)
    return found.group().lower() if found else ""


def mime_of(name: str) -> str:
    """The mime type a name promises."""
    suffix = extension(name)
    return _MIMES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def split_annotated(name: str) -> tuple[str, str | None]:
    """`name [output]` ▶ the name and its type; the type is None when it does not say."""
    found = _ANNOTATED.fullmatch(name)
    return (found.group(1), found.group(2)) if found else (name, None)


def _asset(row: sqlite3.Row) -> Asset:
    values = dict(row)
    values["metadata"] = json.loads(values["metadata"])
    return Asset(**values)


class Assets:
    """Every user's files."""

    def __init__(self, database: Database, blobs: Blobs, quota: int) -> None:
        self._db = database
        self._blobs = blobs
        self._quota = quota
        row = database.row(
            "SELECT coalesce(sum(size), 0) AS size FROM (SELECT DISTINCT hash, size FROM assets)"
        )
        self._used = int(row["size"]) if row else 0

    def add(
        self,
        user: str,
        data: bytes,
        filename: str,
        *,
        type: str,
        subfolder: str = "",
        name: str | None = None,
        mime: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
        preview_id: str | None = None,
        job_id: str | None = None,
        id: str | None = None,
    ) -> Asset:
        """Store a file; one of the same address is replaced."""
        digest = self._blobs.put(data)
        return self.refer(
            user, digest, len(data), filename, type=type, subfolder=subfolder, name=name, mime=mime,
            metadata=metadata, tags=tags, preview_id=preview_id, job_id=job_id, id=id,
        )  # fmt: skip

    def refer(
        self,
        user: str,
        digest: str,
        size: int,
        filename: str,
        *,
        type: str,
        subfolder: str = "",
        name: str | None = None,
        mime: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
        preview_id: str | None = None,
        job_id: str | None = None,
        id: str | None = None,
    ) -> Asset:
        """Name a content that is already stored."""
        moment = now_ms()
        asset = Asset(
            id=id or str(uuid.uuid4()), user=user, type=type, subfolder=subfolder, filename=filename,
            hash=digest, size=size, mime=mime or mime_of(filename), name=name or filename,
            metadata=dict(metadata or {}), preview_id=preview_id, job_id=job_id,
            created=moment, updated=moment, accessed=moment,
        )  # fmt: skip
        with self._db.transaction() as connection:
            new = not connection.execute("SELECT 1 FROM assets WHERE hash = ?", (digest,)).fetchone()
            replaced = connection.execute(
                "SELECT hash, size FROM assets"
                " WHERE user = ? AND type = ? AND subfolder = ? AND filename = ?",
                (user, type, subfolder, filename),
            ).fetchone()
            connection.execute(
                "DELETE FROM assets WHERE user = ? AND type = ? AND subfolder = ? AND filename = ?",
                (user, type, subfolder, filename),
            )
            connection.execute(
                "INSERT INTO assets VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (asset.id, user, type, subfolder, filename, digest, size, asset.mime, asset.name,
                 json.dumps(asset.metadata), preview_id, job_id, moment, moment, moment),
            )  # fmt: skip
            connection.executemany(
                "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(asset.id, tag) for tag in (*tags, type)]
            )
        if new:
            self._used += size
        if replaced is not None and replaced["hash"] != digest:
            self._drop_unreferenced([replaced])
        if self._used > self._quota:
            self.evict(keep=asset.id)
        return asset

    def find(self, user: str, filename: str, subfolder: str = "", type: str | None = None) -> Asset | None:
        """The file of this address; without a type, the newest of that name of any type."""
        filename, annotated = split_annotated(filename)
        type = annotated or type
        if hashed := _HASH_NAME.fullmatch(filename):
            return self.by_hash(user, hashed.group(1))
        if not subfolder and "/" in filename:
            subfolder, _, filename = filename.rpartition("/")
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND filename = ? AND subfolder = ?"
            " AND (? IS NULL OR type = ?)"
            " ORDER BY created DESC LIMIT 1",
            (user, filename, subfolder, type, type),
        )
        return _asset(row) if row else None

    def exact(self, user: str, filename: str, subfolder: str, type: str) -> Asset | None:
        """The file stored under exactly this address."""
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND type = ? AND subfolder = ? AND filename = ?",
            (user, type, subfolder, filename),
        )
        return _asset(row) if row else None

    def find_named(self, user: str, filename: str, type: str | None) -> Asset | None:
        """The newest file of this name, whatever its subfolder."""
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND filename = ? AND (? IS NULL OR type = ?)"
            " ORDER BY created DESC LIMIT 1",
            (user, filename, type, type),
        )
        return _asset(row) if row else None

    def mask_layers(self, user: str, filename: str) -> dict[str, str] | None:
        """The files of the mask editor that belong with this one, by layer."""
        row = self._db.row("SELECT layers FROM mask_layers WHERE user = ? AND filename = ?", (user, filename))
        layers: dict[str, str] | None = json.loads(row["layers"]) if row else None
        return layers

    def by_hash(self, user: str, digest: str) -> Asset | None:
        """The user's newest file with this content."""
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND hash = ? ORDER BY created DESC LIMIT 1", (user, digest)
        )
        return _asset(row) if row else None

    def get(self, user: str, id: str) -> Asset | None:
        """The file of this id."""
        row = self._db.row("SELECT * FROM assets WHERE user = ? AND id = ?", (user, id))
        return _asset(row) if row else None

    def names(self, user: str, type: str) -> list[str]:
        """Every file of a type as graphs name it: `sub/name`, sorted."""
        rows = self._db.rows(
            "SELECT subfolder, filename FROM assets WHERE user = ? AND type = ?", (user, type)
        )
        return sorted(f"{row['subfolder']}/{row['filename']}".lstrip("/") for row in rows)

    def path(self, asset: Asset) -> Path:
        """Where the content of a file is, for reading."""
        return self._blobs.path(asset.hash)

    def read(self, asset: Asset) -> bytes:
        """The content of a file."""
        return self._blobs.read(asset.hash)

    def has_content(self, digest: str) -> bool:
        """Whether the content of this hash is stored, for whichever user."""
        return self._db.row("SELECT 1 FROM assets WHERE hash = ?", (digest,)) is not None

    def next_number(self, user: str, type: str, prefix: str) -> int:
        """The next number of a filename prefix: 1, 2, 3, …"""
        with self._db.transaction() as connection:
            row = connection.execute(
                "INSERT INTO counters VALUES (?, ?, ?, 1)"
                " ON CONFLICT (user, type, prefix) DO UPDATE SET last = last + 1 RETURNING last",
                (user, type, prefix),
            ).fetchone()
            return int(row["last"])

    def remove(self, user: str, id: str) -> bool:
        """Delete a file; False when there is none of that id."""
        with self._db.transaction() as connection:
            rows = connection.execute(
                "DELETE FROM assets WHERE user = ? AND id = ? RETURNING hash, size", (user, id)
            ).fetchall()
        self._drop_unreferenced(rows)
        return bool(rows)

    def evict(self, keep: str | None = None) -> None:
        """Bring the store under its quota by deleting temp files, oldest first."""
        rows = self._db.rows("SELECT id, user FROM assets WHERE type = 'temp' ORDER BY created")
        for row in rows:
            if self._used <= self._quota:
                return
            if row["id"] != keep:
                self.remove(row["user"], row["id"])

    def _drop_unreferenced(self, rows: Iterable[sqlite3.Row]) -> None:
        for row in rows:
            if not self.has_content(row["hash"]):
                self._blobs.remove(row["hash"])
                self._used -= row["size"]
