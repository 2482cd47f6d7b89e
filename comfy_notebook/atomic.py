"""Writing files whole: a reader finds the old content or the new, never a part of either."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_file(path: Path, *, mode: int | None = None) -> Iterator[BinaryIO]:
    """A binary file to write to, which takes the place of `path` when the block ends without an error.

    `mode` holds the permission bits; by default a file that exists keeps its own, and a new one gets
    what the umask allows. Raises `OSError`; the unfinished file is then removed.
    """
    if mode is None and path.exists():
        mode = path.stat().st_mode & 0o777
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    descriptor = os.open(
        part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode or 0o666
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        if mode is not None:
            os.chmod(part, mode)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_file(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path` in one step; see `atomic_file`."""
    with atomic_file(path, mode=mode) as file:
        file.write(data)


def write_new_file(directory: Path, name: str, data: bytes) -> Path:
    """Write a file that replaces no other: a taken name gets a number, as in `name_1.png`.

    The name is claimed first, so that two processes never write the same file. Makes the directory.
    Raises `OSError`, and then leaves no file behind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    number = 0
    while True:
        path = directory / (name if not number else f"{stem}_{number}{dot}{suffix}")
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            number += 1
            continue
        try:
            write_file(path, data)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path
