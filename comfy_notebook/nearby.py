"""Where a file that is not there may be meant to be: what a person would look for next."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from .errors import clip, closest, did_you_mean

_MOST = 1000


def hint(path: Path) -> str:
    """One sentence: the file of that name elsewhere, the closest name, or the folder looked in."""
    try:
        if elsewhere := _elsewhere(path):
            return f"Did you mean {elsewhere.as_posix()!r}?"
        missing = path
        while not missing.parent.is_dir() and missing.parent != missing:
            missing = missing.parent
        if missing is not path:
            near = did_you_mean(missing.name, _names(missing.parent, folders=True))
            return f"There is no folder {clip(str(missing), 300)!r} either. {near}".strip()
        return _alike(path) or f"Looked in {str(path.parent.absolute())!r}."
    except (OSError, ValueError):
        return ""


def _elsewhere(path: Path) -> Path | None:
    """The same path from one folder up or down, as when a notebook's folder is not the expected one."""
    if path.is_absolute():
        return None
    below = [Path(name) / path for name in sorted(_names(Path(), folders=True)) if not name.startswith(".")]
    for other in (Path(*path.parts[1:]), Path("..") / path, *below):
        if other.parts and other.is_file():
            return other
    return None


def _alike(path: Path) -> str:
    """The files whose names are like it; what is the same in all of them, the ending, does not count."""
    stems: dict[str, list[str]] = {}
    for name in _names(path.parent, folders=False):
        stems.setdefault(Path(name).stem, []).append(name)
    names = [name for stem in closest(path.stem, stems) for name in stems[stem]]
    return f"Did you mean {' or '.join(repr(name) for name in names[:3])}?" if names else ""


def _names(folder: Path, *, folders: bool) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.name for e in islice(entries, _MOST) if (e.is_dir() if folders else e.is_file())]
