"""Text from a server, made fit to be shown: cut, inert, and readable in the direction it was written.

Everything the display writes into HTML passes `escape`; everything it writes as plain text passes
`plain`. Neither ever raises, whatever it is given.
"""

from __future__ import annotations

import html
import unicodedata
from urllib.parse import urlsplit

from ..redact import redact

TITLE = 120
PARAGRAPH = 4000
# Characters that reorder or hide the text around them (Unicode bidi controls, zero-width, BOM).
_HIDDEN = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x061C}
_LINKS = {"http", "https"}


def plain(text: object, limit: int = TITLE, *, lines: bool = False) -> str:
    """The text without control and bidi characters and without secrets, at most `limit` characters.

    Line breaks become spaces unless `lines` is true.
    """
    raw = text if isinstance(text, str) else str(text)
    cut = raw[: limit * 4 + 64]
    kept = "".join(_shown(char, lines) for char in cut)
    kept = redact(kept if lines else " ".join(kept.split()))
    return kept if len(kept) <= limit and len(cut) == len(raw) else kept[: max(limit - 1, 0)] + "…"


def escape(text: object, limit: int = TITLE, *, lines: bool = False) -> str:
    """`plain` text, escaped for HTML content and attributes alike."""
    return html.escape(plain(text, limit, lines=lines), quote=True)


def link(url: str) -> str | None:
    """An address that may stand in `href`, escaped; None for `javascript:`, `data:` and the like."""
    try:
        scheme = urlsplit(url.strip()).scheme.lower()
    except ValueError:
        return None
    return html.escape(url.strip(), quote=True) if scheme in _LINKS else None


def _shown(char: str, lines: bool) -> str:
    if char == "\n":
        return char
    if char == "\t":
        return "    " if lines else " "
    if ord(char) in _HIDDEN or char == "\r":
        return ""
    return "�" if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") else char
