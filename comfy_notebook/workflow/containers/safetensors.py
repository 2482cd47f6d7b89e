"""Latents and checkpoints: `prompt` and `workflow` in the header's metadata (SaveLatent, ModelSave)."""

from __future__ import annotations

import json

from .reader import Damaged, Reader, Texts


def read(reader: Reader) -> Texts:
    """The JSON header; tensors are not read."""
    try:
        header = json.loads(reader.read(int.from_bytes(reader.read(8), "little")))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Damaged) else Damaged("its header cannot be read") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    for key, value in metadata.items() if isinstance(metadata, dict) else ():
        if isinstance(value, str):
            yield key, value
