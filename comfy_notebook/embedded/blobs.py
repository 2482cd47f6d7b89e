"""File contents by their blake3 hash, under `objects/ab/abcd…` of the data directory.

A content is written once, whole, and never changed: it appears under its name by an atomic rename.
No name from a request is ever part of a path here; a hash is checked before it becomes one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from pathlib import Path

import blake3

HASH = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The content store of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._objects = data_dir / "objects"
        self._incoming = data_dir / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)

    @staticmethod
    def hash(data: bytes) -> str:
        """The blake3 hash of these bytes, 64 hexadecimal digits."""
        return str(blake3.blake3(data).hexdigest())

    def put(self, data: bytes) -> str:
        """Store these bytes and return their hash, 64 hexadecimal digits."""
        digest = self.hash(data)
        path = self.path(digest)
        if not path.exists():
            incoming = self._incoming / uuid.uuid4().hex
            try:
                incoming.write_bytes(data)
                path.parent.mkdir(exist_ok=True)
                os.replace(incoming, path)
            except OSError as error:
                incoming.unlink(missing_ok=True)
                raise OSError(error.errno, error.strerror) from None  # without a path of this machine
        return digest

    def path(self, digest: str) -> Path:
        """Where the content of this hash is, or would be."""
        if not HASH.fullmatch(digest):
            raise ValueError("not a blake3 hash")
        return self._objects / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether the content is here."""
        return self.path(digest).is_file()

    def read(self, digest: str) -> bytes:
        """The content itself."""
        return self.path(digest).read_bytes()

    def remove(self, digest: str) -> None:
        """Delete content that nothing refers to any more."""
        with contextlib.suppress(OSError):  # Windows keeps a file that is being read: it stays as an orphan
            self.path(digest).unlink()
