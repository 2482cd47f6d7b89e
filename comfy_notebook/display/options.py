"""The settings that the display reads, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import Settings
from ..config import settings as session_settings


@dataclass(frozen=True)
class Options:
    """`fps` limits redrawing; `embed_px` (the longer side) and `embed_bytes` limit what a cell keeps."""

    fps: float = Settings.fps
    previews: bool = Settings.previews
    embed_px: int = Settings.embed_px
    embed_bytes: int = Settings.embed_bytes

    @property
    def interval(self) -> float:
        """Seconds between two drawings, between 1/30 and 5."""
        return min(max(1.0 / self.fps if self.fps > 0 else 1.0, 1 / 30), 5.0)


def options_of(owner: Any = None) -> Options:
    """The options in force: those of the owner's client if it has settings of its own, else the session's."""
    settings = getattr(getattr(owner, "client", None), "settings", None) or session_settings
    base = Options()
    return Options(
        fps=float(getattr(settings, "fps", base.fps)),
        previews=bool(getattr(settings, "previews", base.previews)),
        embed_px=max(int(getattr(settings, "embed_px", base.embed_px)), 16),
        embed_bytes=max(int(getattr(settings, "embed_bytes", base.embed_bytes)), 10_000),
    )
