"""SVG: a JSON object in `<metadata>`, as CDATA (SaveSVGNode)."""

from __future__ import annotations

from html import unescape

from .reader import Reader, Texts, decode


def read(reader: Reader) -> Texts:
    """The text of each metadata element, as a comment holding both prompt and workflow."""
    text = decode(reader.rest())
    at = 0
    for _ in range(100):
        start = text.find("<metadata", at)
        opened = text.find(">", start) + 1 if start >= 0 else 0
        end = text.find("</metadata", opened) if opened else -1
        if end < 0:
            return
        inner, at = text[opened:end], end + 1
        cdata = inner.find("<![CDATA[")
        if cdata >= 0:
            stop = inner.rfind("]]>")
            yield "metadata", inner[cdata + 9 : stop if stop > cdata else None].strip()
        else:
            yield "metadata", unescape(inner).strip()
