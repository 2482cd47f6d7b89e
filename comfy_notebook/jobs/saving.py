"""Writing outputs to disk: never over a file, never half a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import ComfyError


def write(directory: Path, name: str, data: bytes) -> Path:
    """A new file with this content, complete or not there at all."""
    directory = directory.expanduser()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            return _place(Path(temporary), directory, name)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise ComfyError(
            f"{name} could not be written to {str(directory)!r}: {error.strerror or error}.",
            hint="Nothing was left half-written.",
        ) from None


def _place(temporary: Path, directory: Path, name: str) -> Path:
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    number = 0
    while True:
        path = directory / (name if not number else f"{stem}_{number}{dot}{suffix}")
        try:
            # Claimed first, so that two kernels saving at once never take the same name.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            number += 1
            continue
        os.chmod(temporary, path.stat().st_mode)
        os.replace(temporary, path)
        return path
