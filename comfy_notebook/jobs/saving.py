"""Writing outputs to disk without replacing a file."""

from __future__ import annotations

from pathlib import Path

from ..atomic import write_new_file
from ..errors import ComfyError


def write(directory: Path, name: str, data: bytes) -> Path:
    """Write a new file, numbered when its name is taken. Raises `ComfyError` when it cannot be written."""
    directory = directory.expanduser()
    try:
        return write_new_file(directory, name, data)
    except OSError as error:
        raise ComfyError(
            f"{name} could not be written to {str(directory)!r}: {error.strerror or error}.",
            hint="No incomplete file was left there.",
        ) from None
