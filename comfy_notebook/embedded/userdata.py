"""Small files a user's editor keeps on the server: settings, saved workflows.

They live in the database under a normalised relative path; no path of a request ever reaches the
file system.
"""

from __future__ import annotations

from dataclasses import dataclass

from .assets import now_ms
from .database import Database

_LONGEST = 1024


class BadPath(ValueError):
    """Not a relative path inside the user's folder."""


@dataclass(frozen=True)
class UserFile:
    """One file, without its content; `modified` in milliseconds since the epoch."""

    path: str
    size: int
    modified: int


def normal(path: str) -> str:
    """The path with forward slashes, and nothing in it that leads out of the user's folder."""
    text = path.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or any(ord(char) < 32 for char in text) or len(text) > _LONGEST:
        raise BadPath(path)
    if any(":" in part for part in parts[:1]):
        raise BadPath(path)
    return "/".join(parts)


class UserData:
    """Every user's files."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def list(self, user: str, folder: str, recurse: bool) -> list[UserFile] | None:
        """The files of a folder, sorted by path; None when there is no such folder."""
        prefix = normal(folder)
        prefix = f"{prefix}/" if prefix else ""
        rows = self._db.rows(
            "SELECT path, length(content) AS size, modified FROM userdata"
            " WHERE user = ? AND substr(path, 1, ?) = ? ORDER BY path",
            (user, len(prefix), prefix),
        )
        if prefix and not rows:
            return None
        files = [UserFile(row["path"][len(prefix) :], row["size"], row["modified"]) for row in rows]
        return [file for file in files if recurse or "/" not in file.path]

    def read(self, user: str, path: str) -> bytes | None:
        """The content of a file."""
        row = self._db.row("SELECT content FROM userdata WHERE user = ? AND path = ?", (user, normal(path)))
        return bytes(row["content"]) if row else None

    def write(self, user: str, path: str, content: bytes, overwrite: bool = True) -> UserFile | None:
        """Store a file; None when there is one and it is not to be overwritten."""
        path = normal(path)
        if not path:
            raise BadPath(path)
        moment = now_ms()
        with self._db.transaction() as connection:
            if (
                not overwrite
                and connection.execute(
                    "SELECT 1 FROM userdata WHERE user = ? AND path = ?", (user, path)
                ).fetchone()
            ):
                return None
            connection.execute(
                "INSERT OR REPLACE INTO userdata VALUES (?, ?, ?, ?)", (user, path, content, moment)
            )
        return UserFile(path, len(content), moment)

    def move(self, user: str, path: str, to: str, overwrite: bool = True) -> UserFile | None:
        """Rename a file; None when the new name is taken. KeyError when there is no such file."""
        content = self.read(user, path)
        if content is None:
            raise KeyError(path)
        moved = self.write(user, to, content, overwrite)
        if moved is not None and normal(path) != moved.path:
            self.remove(user, path)
        return moved

    def remove(self, user: str, path: str) -> bool:
        """Delete a file; False when there is none."""
        with self._db.transaction() as connection:
            return bool(
                connection.execute(
                    "DELETE FROM userdata WHERE user = ? AND path = ? RETURNING 1", (user, normal(path))
                ).fetchall()
            )
