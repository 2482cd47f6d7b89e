"""What ComfyUI writes into the files it saves: the prompt, the workflow, and the name's fields."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from PIL.PngImagePlugin import PngInfo

from .base import Context

_LETTERS = "abcdefghijklmnopqrstupvxyz"


def workflow_fields(ctx: Context) -> dict[str, str]:
    """`prompt`, then each entry of `extra_pnginfo` (the editor's `workflow`), as JSON texts."""
    fields: dict[str, Any] = {"prompt": dict(ctx.prompt), **ctx.extra_pnginfo}
    return {name: json.dumps(value) for name, value in fields.items() if name != "prompt" or value}


def png_text(ctx: Context) -> PngInfo:
    """The text chunks of a still PNG."""
    info = PngInfo()
    for name, text in workflow_fields(ctx).items():
        info.add_text(name, text)
    return info


def fill_prefix(prefix: str, width: int = 0, height: int = 0, batch: int | None = None) -> str:
    """A filename prefix with ComfyUI's fields filled in: size, date, and `%batch_num%`.

    `%date:…%` is the editor's to fill, before it sends the workflow: it stays as it is.
    """
    now = time.localtime()
    fields = {
        "%width%": str(width),
        "%height%": str(height),
        "%year%": str(now.tm_year),
        "%month%": f"{now.tm_mon:02}",
        "%day%": f"{now.tm_mday:02}",
        "%hour%": f"{now.tm_hour:02}",
        "%minute%": f"{now.tm_min:02}",
        "%second%": f"{now.tm_sec:02}",
    }
    if batch is not None:
        fields["%batch_num%"] = str(batch)
    for name, value in fields.items():
        prefix = prefix.replace(name, value)
    return prefix


def temporary_prefix() -> str:
    """The prefix of a preview's files: ComfyUI's, with five letters so that runs do not collide."""
    return "ComfyUI_temp_" + "".join(random.choices(_LETTERS, k=5))
