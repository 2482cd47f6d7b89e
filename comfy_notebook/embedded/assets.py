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
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import quote
from pathlib import Path
from typing import Any

from .blobs import Blobs
from .database import Database

LAYERS = ("mask", "paint", "painted", "painted_masked")
_LAYER = re.compile(r"clipspace-(mask|paint|painted|painted-masked)-([0-9]+)\.png")
KINDS = ("input", "output", "temp")
_HASH_NAME = re.compile(r"(?:blake3:)?([0-9a-f]{64})(?:\.[A-Za-z0-9]{1,8})?")
_ANNOTATED = re.compile(r"(.*?)\s*\[(input|output|temp)\]", re.DOTALL)
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")
# What mimetypes does not know on every platform.
_MIMES = {".webp": "image/webp", ".webm": "video/webm", ".flac": "audio/flac", ".opus": "audio/ogg",
          ".latent": "application/octet-stream", ".safetensors": "application/octet-stream"}  # fmt: skip

_SHOWN = ("text/plain", "application/json")


@dataclass(frozen=True)
class Asset:
    """One file of one user; `name` is for people, `filename` for graphs; times in ms since the epoch."""

    user: str
    filename: str
    type: str
    subfolder: str = ""
    name: str = ""
    mime: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    preview_id: str | None = None
    job_id: str | None = None
    id: str = ""
    hash: str = ""
    size: int = 0
    created: int = 0
    updated: int = 0
    accessed: int = 0

    @property
    def reference(self) -> dict[str, str]:
        """How messages and graphs name this file."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}


def extension(name: str) -> str:
    """The name's extension with its dot, lower case, or nothing when it has none worth keeping."""
    found = _EXTENSION.fullmatch(Path(name.replace("\\", "/")).suffix)
    return found.group().lower() if found else ""


def mime_of(*names: str) -> str:
    """The mime type by file name: of the first name with an extension."""
    suffix = next(filter(None, map(extension, names)), "")
    return _MIMES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"


def download_headers(name: str, mime: str) -> dict[str, str]:
    """Headers of an answer that holds a user's file.

    Browsers may show pictures, sound, video and plain text. Everything else is a download: HTML or SVG
    opened in place would run its scripts with this server's origin.
    """
    safe_name = name.encode("latin-1", "replace").decode("latin-1").replace("\r", "").replace("\n", "")
    kind = mime.partition(";")[0].strip().lower()
    media = kind.startswith(("image/", "audio/", "video/")) and "xml" not in kind
    inline = media or kind in _SHOWN
    return {
        "Content-Disposition": f'{"inline" if inline else "attachment"}; filename="{quote(safe_name)}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


def split_annotated(name: str) -> tuple[str, str | None]:
    """`name [output]` ▶ the name and its type; the type is None when it does not say."""
    found = _ANNOTATED.fullmatch(name)
    return (found.group(1), found.group(2)) if found else (name, None)


def asset_of(row: sqlite3.Row) -> Asset:
    """A row of the table as an asset."""
    values = dict(row)
    values["metadata"] = json.loads(values["metadata"])
    return Asset(**values)


_COLUMNS = (
    "user", "filename", "type", "subfolder", "name", "mime", "metadata", "preview_id", "job_id", "id", "hash",
    "size", "created", "updated", "accessed",
)  # fmt: skip
_INSERT = f"INSERT INTO assets ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
_REPLACE = """DELETE FROM assets WHERE user = :user AND type = :type AND subfolder = :subfolder
    AND filename = :filename AND id <> :id RETURNING hash, size"""


def _values(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in _COLUMNS} | {"metadata": json.dumps(asset.metadata)}


class Assets:
    """Every user's files."""

    def __init__(self, database: Database, blobs: Blobs, quota: int, *, loose_names: bool = False) -> None:
        self._db = database
        self._blobs = blobs
        self._quota = quota
        self._loose_names = loose_names
        # A content is stored or removed together with its last row: never one of them by two threads.
        self._lock = threading.RLock()
        row = database.row(
            "SELECT coalesce(sum(size), 0) AS size FROM (SELECT DISTINCT hash, size FROM assets)"
        )
        self._used = int(row["size"]) if row else 0

    def add(self, asset: Asset, data: bytes, *, tags: Iterable[str] = (), overwrite: bool = False) -> Asset:
        """Store a new file with this content. Without `tags`, its type is its tag.

        An older file of the same address stays, behind the new one, unless it is to be overwritten.
        """
        with self._lock:
            digest = self._blobs.put(data)
            try:
                return self.refer(replace(asset, hash=digest, size=len(data)), tags=tags, overwrite=overwrite)
            except sqlite3.OperationalError:  # a full disk: do not leave content that no asset refers to
                if not self.has_content(digest):
                    self._blobs.remove(digest)
                raise

    def refer(self, asset: Asset, *, tags: Iterable[str] = (), overwrite: bool = False) -> Asset:
        """Name a content that is already stored (`asset.hash`)."""
        moment = now_ms()
        asset = replace(
            asset, id=asset.id or str(uuid.uuid4()), name=asset.name or asset.filename,
            mime=asset.mime or mime_of(asset.filename), created=moment, updated=moment, accessed=moment,
        )  # fmt: skip
        with self._lock:
            with self._db.transaction() as connection:
                new = not connection.execute("SELECT 1 FROM assets WHERE hash = ?", (asset.hash,)).fetchone()
                connection.execute(_INSERT, _values(asset))
                connection.executemany(
                    "INSERT OR IGNORE INTO tags VALUES (?, ?)",
                    [(asset.id, tag) for tag in (tuple(tags) or (asset.type,))],
                )
                replaced = connection.execute(_REPLACE, _values(asset)).fetchall() if overwrite else []
            self._used += asset.size if new else 0
            self._drop_unreferenced(replaced)
            if self._used > self._quota:
                self.evict(keep=asset.id)
        return asset

    def change(self, asset: Asset, tags: Iterable[str] | None = None) -> Asset:
        """Change an asset's name, mime type, metadata or preview, and its tags if given."""
        asset = replace(asset, updated=now_ms())
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE assets SET name = ?, mime = ?, metadata = ?, preview_id = ?, updated = ?"
                " WHERE id = ?",
                (
                    asset.name,
                    asset.mime,
                    json.dumps(asset.metadata),
                    asset.preview_id,
                    asset.updated,
                    asset.id,
                ),
            )
            if tags is not None:
                connection.execute("DELETE FROM tags WHERE asset_id = ?", (asset.id,))
                rows = [(asset.id, tag) for tag in tags]
                connection.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", rows)
        return asset

    def find(self, user: str, filename: str, subfolder: str = "", type: str | None = None) -> Asset | None:
        """The file of this address; without a type, the newest of that name of any type.

        Where names are loose (the Cloud), an address that is none is read as the name a file was
        uploaded under, whatever its subfolder: the reference's own examples name files so.
        """
        filename, annotated = split_annotated(filename)
        type = annotated or type
        if ".." in f"{subfolder}/{filename}".replace("\\", "/").split("/"):
            return None
        if not subfolder and "/" in filename:
            subfolder, _, filename = filename.rpartition("/")
        if hashed := _HASH_NAME.fullmatch(filename):
            return self.by_hash(user, hashed.group(1))
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND filename = ? AND subfolder = ?"
            " AND (? IS NULL OR type = ?) ORDER BY rowid DESC LIMIT 1",
            (user, filename, subfolder, type, type),
        )
        if row is None and self._loose_names:
            row = self._db.row(
                "SELECT * FROM assets WHERE user = ? AND (filename = ? OR name = ?)"
                " AND (? IS NULL OR type = ?) ORDER BY rowid DESC LIMIT 1",
                (user, filename, filename, type, type),
            )
        return asset_of(row) if row else None

    def exact(self, user: str, filename: str, subfolder: str, type: str) -> Asset | None:
        """The file stored under exactly this address."""
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND type = ? AND subfolder = ? AND filename = ?"
            " ORDER BY rowid DESC LIMIT 1",
            (user, type, subfolder, filename),
        )
        return asset_of(row) if row else None

    def mask_layers(self, asset: Asset) -> dict[str, str] | None:
        """The mask editor's files that belong with this one, by layer; None when it is none of them.

        The editor names its layers `clipspace-LAYER-TIME.png`; one time makes one set.
        """
        found = _LAYER.fullmatch(asset.name)
        if found is None:
            return {"painted_masked": asset.filename} if asset.metadata.get("is_mask") else None
        layers = {}
        for layer in LAYERS:
            name = f"clipspace-{layer.replace('_', '-')}-{found.group(2)}.png"
            row = self._db.row(
                "SELECT filename FROM assets WHERE user = ? AND name = ? ORDER BY rowid DESC",
                (asset.user, name),
            )
            if row:
                layers[layer] = str(row["filename"])
        return layers

    def by_hash(self, user: str, digest: str) -> Asset | None:
        """The user's newest file with this content."""
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND hash = ? ORDER BY rowid DESC LIMIT 1", (user, digest)
        )
        return asset_of(row) if row else None

    def get(self, user: str, id: str) -> Asset | None:
        """The file of this id."""
        row = self._db.row("SELECT * FROM assets WHERE user = ? AND id = ?", (user, id))
        return asset_of(row) if row else None

    def taken(self, id: str) -> bool:
        """Whether an asset of any user has this id."""
        return self._db.row("SELECT 1 FROM assets WHERE id = ?", (id,)) is not None

    def from_source(self, user: str, url: str) -> Asset | None:
        """The user's asset that was downloaded from this URL."""
        row = self._db.row(
            "SELECT * FROM assets WHERE user = ? AND json_extract(metadata, '$.source_url') = ?", (user, url)
        )
        return asset_of(row) if row else None

    def hash(self, data: bytes) -> str:
        """The hash this content has, or would have."""
        return self._blobs.hash(data)

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
        """Whether content with this hash is stored, for any user."""
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
        with self._lock:
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
