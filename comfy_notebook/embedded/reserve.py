"""Reserved disk space for the end of a job: a file that is deleted when the disk is full.

A job may be accepted, fill the disk and fail for that reason; the failure must still be recorded.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from ..atomic import atomic_file

_SIZE = 2 * 1024 * 1024
_FULL = {errno.ENOSPC, errno.EROFS, errno.EIO, errno.EFBIG} | {getattr(errno, "EDQUOT", errno.ENOSPC)}


def is_storage_failure(error: BaseException) -> bool:
    """Whether an exception means that the data directory cannot be written to."""
    return isinstance(error, sqlite3.OperationalError) or (
        isinstance(error, OSError) and error.errno in _FULL
    )


class Reserve:
    """The file; not safe from several threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self) -> None:
        """Make sure that the space is reserved. Raises OSError when it cannot be."""
        if self._path.exists():
            return
        with atomic_file(self._path) as file:
            # Bytes no file system can pack, and that are on the disk when this returns.
            file.write(os.urandom(_SIZE))
            file.flush()
            os.fsync(file.fileno())

    def give_up(self) -> bool:
        """Release the space; False when it was released already."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
