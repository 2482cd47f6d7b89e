"""The report of `%comfy debug`: what a maintainer needs, without secrets."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from .. import __version__
from ..client.logs import recent
from ..client.server import diagnose
from ..keys import find_key
from ..sync import IO
from ..text import MASK, redact

_PACKAGES = (
    "ipython", "ipykernel", "ipywidgets", "jupyterlab", "notebook", "httpx", "websockets", "pillow", "numpy",
    "starlette", "uvicorn", "anywidget", "nest-asyncio",
)  # fmt: skip


def report() -> str:
    """Versions, front end, environment, server, and the last errors, redacted."""
    from .. import api
    from ..display.frontend import detect

    frontend = detect()
    lines = [
        f"comfy_notebook {__version__}",
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"front end: {frontend.kind} {frontend.name}, live {frontend.live}",
        "packages: " + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    ]
    for name in sorted(n for n in os.environ if n.startswith("COMFY_")):
        lines.append(f"{name}={MASK if 'KEY' in name or 'TOKEN' in name else os.environ[name]}")
    key = find_key()
    lines.append(f"API key: {'none' if key is None else 'from ' + key.source}")
    client = api.current()
    if client is None:
        lines.append("server: not connected")
    else:
        lines += IO.run(diagnose(client._async.connection))
    lines += ["last log lines:", *(f"  {line}" for line in recent.lines)] if recent.lines else []
    if (last := getattr(sys, "last_value", None)) is not None:
        lines.append(f"last error: {type(last).__name__}: {last}")
    return redact("\n".join(lines)).replace(str(Path.home()), "~")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"
