"""The progress line of large uploads, written by the thread that waits for them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

LARGE = 5 * 1024 * 1024


@dataclass
class Meter:
    """Progress that the background loop notes and the calling thread prints while it waits."""

    name: str = ""
    sent: int = 0
    total: int = 0
    _painted: int = -1

    def begin(self, name: str, total: int) -> None:
        """An upload begins; a small one gets no line."""
        self.name, self.sent, self.total = name, 0, total if total > LARGE else 0

    def note(self, sent: int, total: int) -> None:
        """This many bytes have been sent."""
        self.sent = sent

    def paint(self) -> None:
        """Print the line again if its percentage has changed."""
        total = self.total
        if not total or os.environ.get("COMFY_NOTEBOOK_LIVE") == "0":
            return
        percent = min(100 * self.sent // total, 100)
        if percent == self._painted:
            return
        self._painted = percent
        sys.stdout.write(f"\rUploading {self.name}: {percent} % of {total / 2**20:.0f} MB")
        if percent == 100:
            sys.stdout.write("\n")
            self.total, self._painted = 0, -1
        sys.stdout.flush()
