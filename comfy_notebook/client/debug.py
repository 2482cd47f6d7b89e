"""Logging, and a report of the session that is safe to paste: no key, no header, no user's path in it."""

from __future__ import annotations

import logging
import platform
from collections import deque
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ..text import redact

if TYPE_CHECKING:
    from ..clients import Client

_PACKAGES = ("httpx", "websockets", "pillow", "numpy", "ipython", "ipykernel", "ipywidgets", "jupyterlab")
_OWN = "comfy_notebook"
# These write whole URLs and headers into their records: what is secret there is masked on the way.
# A filter is not asked about what a logger's children write: each has its own.
_FOREIGN = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
    "websockets.client", "comfy_notebook.websockets",
)  # fmt: skip


class Redacting(logging.Filter):
    """Masks keys in every record that passes; a record is changed before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        # The arguments go, too: a frame or request among them holds more than its text shows.
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and record.exc_text is None:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = redact(text)
        return True


class Recent(logging.Handler):
    """Keeps the last lines logged, for the report."""

    def __init__(self, lines: int = 50) -> None:
        super().__init__(logging.DEBUG)
        self.lines: deque[str] = deque(maxlen=lines)
        self.addFilter(Redacting())
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


recent = Recent()
_children = ("http", "socket", "job", "websockets")


def install() -> None:
    """Redact what this package and the libraries under it log. Done when a client is made; safe to repeat."""
    own = logging.getLogger(_OWN)
    if recent not in own.handlers:
        own.addHandler(recent)
    for name in (_OWN, *(f"{_OWN}.{child}" for child in _children), *_FOREIGN):
        logger = logging.getLogger(name)
        if not any(isinstance(found, Redacting) for found in logger.filters):
            logger.addFilter(Redacting())


def report(client: Client | None = None) -> str:
    """Versions, the server, what the client saw last: one text, redacted."""
    from .. import __version__

    lines = [
        f"comfy_notebook {__version__}",
        f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}",
        "  ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    ]
    if client is None or client.closed:
        lines.append("not connected")
    else:
        lines += _of(client)
    lines += ["last log lines:", *(f"  {line}" for line in recent.lines)] if recent.lines else []
    return redact("\n".join(lines)).replace(str(Path.home()), "~")


def _of(client: Client) -> list[str]:
    connection = client._async
    source = connection.access.key.source if connection.access.key is not None else "none"
    live = connection.live
    events = f"{'connected' if live.alive else 'not connected'}, {live.generation} times"
    lines = [
        f"connected to {client.target} at {client.url}, {client.dialect} dialect: {client.reason}",
        f"API key: {source}",
        f"last HTTP status: {connection.http.last_status}",
        f"live events: {events}; {live.last_error or 'no error'}",
        f"jobs being followed: {len(live)}",
    ]
    try:
        info = client.info()
        lines.append(f"server: {info.version}, {info.running} running, {info.pending} waiting")
    except Exception as error:
        lines.append(f"server: {type(error).__name__}: {error}")
    if client.server is not None:
        lines += ["embedded server's log:", *(f"  {line}" for line in client.server.log(10).splitlines())]
    return lines


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"
