"""Presets of a form: named sets of `NODE.INPUT` values, in a JSON file or a notebook's metadata.

Only JSON values are kept: an uploaded picture is not part of a preset. A file without presets is neither read
nor overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...atomic import write_file
from ...errors import ComfyError

KEY = "comfy_notebook_presets"
Presets = dict[str, dict[str, Any]]


def keepable(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that JSON can hold."""
    return {key: value for key, value in values.items() if isinstance(value, (str, int, float, bool, list))}


def load(path: str | Path) -> Presets:
    """Read presets from a JSON file, or from the metadata of a notebook's outputs."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ComfyError(f"The presets in {str(path)!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ComfyError(f"{str(path)!r} is not JSON, so it holds no presets.") from error
    found = (
        _in_notebook(data) if path.suffix == ".ipynb" else data.get(KEY) if isinstance(data, dict) else None
    )
    if not _are_presets(found):
        raise ComfyError(f"{str(path)!r} holds no presets.", hint="form.save_presets(path) writes them.")
    return dict(found or {})


def save(path: str | Path, presets: Presets) -> Path:
    """Write presets as JSON. Raises `ComfyError` rather than overwrite a file without presets."""
    path = Path(path)
    if path.exists():
        load(path)
    text = json.dumps({KEY: presets}, indent=1, ensure_ascii=False) + "\n"
    try:
        write_file(path, text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise ComfyError(f"The presets could not be written to {str(path)!r}: {error.strerror}.") from error
    return path


def _in_notebook(data: Any) -> Presets:
    merged: Presets = {}
    for cell in data.get("cells", []) if isinstance(data, dict) else []:
        for output in cell.get("outputs", []) if isinstance(cell, dict) else []:
            metadata = output.get("metadata") or {}
            ours = metadata.get("comfy_notebook") if isinstance(metadata, dict) else None
            found = ours.get(KEY) if isinstance(ours, dict) else None
            if isinstance(found, dict) and _are_presets(found):
                merged.update(found)
    return merged


def _are_presets(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(v, dict) for v in value.values())
