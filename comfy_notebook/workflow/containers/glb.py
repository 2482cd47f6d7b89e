"""Binary glTF: `prompt` and `workflow` in the extras of the asset (SaveGLB)."""

from __future__ import annotations

import json

from .reader import Damaged, Reader, Texts


def read(reader: Reader) -> Texts:
    """The JSON chunk's `asset.extras`; geometry is not read."""
    reader.seek(12)
    head = reader.read(8)
    if head[4:] != b"JSON":
        raise Damaged("its first chunk is not JSON")
    try:
        document = json.loads(reader.read(int.from_bytes(head[:4], "little")))
    except (ValueError, RecursionError):
        raise Damaged("its JSON chunk cannot be read") from None
    asset = document.get("asset") if isinstance(document, dict) else None
    extras = asset.get("extras") if isinstance(asset, dict) else None
    for key, value in extras.items() if isinstance(extras, dict) else ():
        yield key, value if isinstance(value, str) else json.dumps(value)
