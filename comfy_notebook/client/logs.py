"""Logging without secrets: keys are masked before any handler sees a record; the last lines are kept."""

from __future__ import annotations

import logging
from collections import deque

from ..text import redact

_OWN = "comfy_notebook"
# These loggers write whole URLs and headers. A logger's filter is not applied to records of its children,
# so each logger gets a filter of its own.
_FOREIGN = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
    "websockets.client", "comfy_notebook.websockets",
)  # fmt: skip


class Redacting(logging.Filter):
    """Masks keys in every record, before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        # The arguments are dropped: a frame or request among them holds more than its text shows.
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and record.exc_text is None:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = redact(text)
        return True


class Recent(logging.Handler):
    """Keeps the last lines logged, for `%comfy debug`."""

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
    """Redact what this package and the libraries it uses log. Called for each connection; safe to repeat."""
    own = logging.getLogger(_OWN)
    if recent not in own.handlers:
        own.addHandler(recent)
    for name in (_OWN, *(f"{_OWN}.{child}" for child in _children), *_FOREIGN):
        logger = logging.getLogger(name)
        if not any(isinstance(found, Redacting) for found in logger.filters):
            logger.addFilter(Redacting())
