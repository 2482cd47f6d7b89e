"""The last lines of the server's log, kept for `/internal/logs`."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime

_LINES = 300
_kept: deque[tuple[str, str]] = deque(maxlen=_LINES)


class KeepRecent(logging.Handler):
    """Keeps the formatted records, each with its time."""

    def emit(self, record: logging.LogRecord) -> None:
        moment = datetime.fromtimestamp(record.created).isoformat()
        _kept.append((moment, f"{record.getMessage()}\n"))


def recent() -> list[tuple[str, str]]:
    """(time as ISO 8601, line) of the last records, oldest first."""
    return list(_kept)
