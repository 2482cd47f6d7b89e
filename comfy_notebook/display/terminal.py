"""Progress as text: one line redrawn in place on a terminal, one line for each node elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from ..jobs.state import JobState
from ..protocol.status import JobStatus
from . import wording

_MARKS = {JobStatus.completed: "✓", JobStatus.cancelled: "■", JobStatus.failed: "✗", JobStatus.lost: "?"}
_BAR = 20


class TerminalView:
    """Draws job states to a stream; `finish` writes the last line.

    On a stream that is not a terminal (a pipe, a log) nothing is redrawn: each node is named once.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        width: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._tty = bool(getattr(self._stream, "isatty", lambda: False)())
        self._width = width
        self._clock = clock
        self._last = ""
        self._drawn = 0

    def paint(self, state: JobState) -> None:
        """Draw this state if its text differs from the last one drawn."""
        if self._tty:
            self._redraw(self._line(state))
            return
        words = wording.headline(state)
        named = state.status is JobStatus.pending or state.node is not None
        if named and not state.status.is_final and words != self._last:
            self._last = words
            running = state.status is JobStatus.in_progress
            self._write(f"{state.fraction:4.0%} {words}\n" if running else f"{words}\n")

    def finish(self, state: JobState, summary: str = "") -> None:
        """Write the last line: how the job ended, and its outputs."""
        mark = self._encodable(_MARKS.get(state.status, ""))
        text = summary or wording.headline(state).replace("Finishing", "Done")
        line = f"{mark} {text}".strip()
        if self._tty:
            self._redraw(self._clip(line))
            self._write("\n")
        else:
            self._write(line + "\n")

    def _line(self, state: JobState) -> str:
        parts = [wording.headline(state), wording.step(state), wording.timing(state, self._clock())]
        text = " · ".join(part for part in parts if part)
        if state.status is JobStatus.in_progress:
            full = round(state.fraction * _BAR)
            bar = self._encodable("█") * full + self._encodable("░") * (_BAR - full)
            text = f"{state.fraction:4.0%} {bar} {text}"
        return self._clip(text)

    def _clip(self, text: str) -> str:
        width = self._width or shutil.get_terminal_size().columns
        return text if len(text) < width else text[: max(width - 2, 1)] + self._encodable("…")

    def _redraw(self, line: str) -> None:
        if line == self._last:
            return
        self._last = line
        self._write("\r" + line + " " * max(self._drawn - len(line), 0))
        self._drawn = len(line)

    def _encodable(self, mark: str) -> str:
        # A Windows console may lack these characters.
        try:
            mark.encode(getattr(self._stream, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            return {"█": "#", "░": ".", "…": "~", "✓": "ok"}.get(mark, "-")
        return mark

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
