"""Text that is safe to show: without secrets, of bounded length, and inert in HTML and terminals.

Every API key the package takes in is passed to `register` once, and every text that leaves the
package (exception, repr, log record, report) goes through `redact`. What a server wrote also goes
through `printable` before it reaches a terminal and through `escape` before it reaches HTML. The
closest names for a mistyped name or file are looked up here too.
"""

from __future__ import annotations

import difflib
import html
import os
import re
import threading
import unicodedata
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

MASK = "[redacted]"
TITLE = 120
"""The most characters of a title or name that is shown."""
PARAGRAPH = 4000
"""The most characters of a longer text that is shown."""

_SHORTEST_SECRET = 6  # masking a shorter one would garble ordinary text
# Keys appear in URLs (`/ws?…&token=KEY`), in signed URLs, in headers and as partner keys in graphs.
_SECRETS = (
    re.compile(r"((?:[?&]|\b)(?:token|api_key|signature|sig|X-Amz-Signature)=)(?!…)"
               r"[^&\s\"'<>]+", re.IGNORECASE),
    re.compile(r"((?:X-API-Key|Authorization|api_key_comfy_org|auth_token_comfy_org)[\"']?\s*[:=]\s*[\"']?)"
               r"(?:Bearer\s+|Basic\s+)?[^\s\"',}]+", re.IGNORECASE),
    re.compile(r"((?<=://)[^/\s:@]{0,256}:)[^/\s@]{1,256}(?=@)"),
)  # fmt: skip
_registered: set[str] = set()
_lock = threading.Lock()

# Characters that reorder or hide the text around them: Unicode bidi controls, zero-width ones, the BOM.
_HIDDEN = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x061C}

_CLOSE = 0.58
"""The similarity from which a name counts as close."""
_SURE = 0.85
"""The similarity from which names that only contain the mistyped one are left out."""
_MARGIN = 0.15
"""Names this much less similar than the closest one are left out."""
_MOST_FILES = 1000


def clip(text: str, limit: int) -> str:
    """The text, shortened to `limit` characters; a final ellipsis shows that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def register(secret: str | None) -> None:
    """Mask this exact text from now on, wherever it occurs. Very short texts are not masked."""
    if secret and len(secret) >= _SHORTEST_SECRET:
        with _lock:
            _registered.add(secret)


def redact(text: object) -> str:
    """The text with every registered secret, and every value in a place meant for one, masked."""
    out = str(text)
    with _lock:
        secrets = sorted(_registered, key=len, reverse=True)
    for secret in secrets:
        out = out.replace(secret, MASK)
    for pattern in _SECRETS:
        out = pattern.sub(rf"\g<1>{MASK}", out)
    return out


def printable(text: object, limit: int = TITLE, *, lines: bool = False) -> str:
    """The text without secrets, control characters and bidi controls, at most `limit` characters.

    Line breaks become spaces unless `lines` is true. Never raises.
    """
    raw = text if isinstance(text, str) else str(text)
    cut = raw[: limit * 4 + 64]
    kept = "".join(_visible(char, lines) for char in cut)
    kept = redact(kept if lines else " ".join(kept.split()))
    return kept if len(kept) <= limit and len(cut) == len(raw) else kept[: max(limit - 1, 0)] + "…"


def file_name(name: str, limit: int = 255) -> str:
    """The last part of a path as a file name, without hidden characters; "" when nothing is left.

    `limit` is in bytes, as on common file systems; the extension is kept.
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    base = "".join(c for c in base if c.isprintable() and ord(c) not in _HIDDEN).strip()
    if base in ("", ".", ".."):
        return ""
    stem, dot, suffix = base.rpartition(".")
    ending = (dot + suffix).encode("utf-8", "ignore") if stem else b""
    if not ending or len(ending) > limit // 4:
        stem, ending = base, b""
    kept = stem.encode("utf-8", "ignore")[: limit - len(ending)]
    return (kept + ending).decode("utf-8", "ignore")


def escape(text: object, limit: int = TITLE, *, lines: bool = False) -> str:
    """`printable` text, escaped for HTML content and attributes alike."""
    return html.escape(printable(text, limit, lines=lines), quote=True)


def safe_link(url: str) -> str | None:
    """An http(s) URL escaped for `href`; None for `javascript:`, `data:` and other schemes."""
    try:
        scheme = urlsplit(url.strip()).scheme.lower()
    except ValueError:
        return None
    return html.escape(url.strip(), quote=True) if scheme in ("http", "https") else None


def _visible(char: str, lines: bool) -> str:
    if char == "\n":
        return char
    if char == "\t":
        return "    " if lines else " "
    if ord(char) in _HIDDEN or char == "\r":
        return ""
    return "\ufffd" if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") else char


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same text, however their accents are encoded (NFC or NFD)."""
    return one == other or unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def node_label(node_id: str | None, title: str | None = None, class_type: str | None = None) -> str:
    """What messages call a node: "KSampler (node 3)", "My sampler (KSampler, node 3)", "node 3".

    Empty when nothing is known of the node.
    """
    name = title or class_type
    number = f"node {node_id}" if node_id is not None else ""
    if not name:
        return number
    details = [part for part in (class_type if class_type != name else "", number) if part]
    return f"{name} ({', '.join(details)})" if details else name


def closest(name: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """The up to `n` candidates nearest to a mistyped name, best first; case is ignored.

    Candidates much less similar than the best one are left out.
    """
    by_lower: dict[str, str] = {}
    for candidate in candidates:
        by_lower.setdefault(str(candidate).lower(), str(candidate))
    low = name.lower()
    if low in by_lower:
        return [by_lower[low]]
    found = difflib.get_close_matches(low, by_lower, n=n, cutoff=_CLOSE)
    best = _similarity(found[0], low) if found else 0.0
    found = [one for one in found if _similarity(one, low) >= best - _MARGIN]
    containing = [one for one in by_lower if len(low) >= 3 and low in one and one not in found]
    if best >= _SURE:
        containing = []
    return [by_lower[one] for one in (found + sorted(containing, key=len))[:n]]


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """The sentence "Did you mean …?" with the closest names, or "" when none is close."""
    return _question(closest(name, candidates))


def missing_file_hint(path: Path) -> str:
    """What to try for a file that does not exist.

    One sentence: a file of that name nearby, the closest names in the folder, or the folder searched.
    """
    try:
        if elsewhere := _in_neighbouring_folder(path):
            return f"Did you mean {elsewhere.as_posix()!r}?"
        missing = path
        while not missing.parent.is_dir() and missing.parent != missing:
            missing = missing.parent
        if missing is not path:
            suggestion = did_you_mean(missing.name, _names(missing.parent, folders=True))
            return f"There is no folder {clip(str(missing), 300)!r} either. {suggestion}".strip()
        return _similar_files(path) or f"Looked in {str(path.parent.absolute())!r}."
    except (OSError, ValueError):
        return ""


def _similarity(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _question(names: Iterable[str]) -> str:
    quoted = " or ".join(repr(name) for name in names)
    return f"Did you mean {quoted}?" if quoted else ""


def _in_neighbouring_folder(path: Path) -> Path | None:
    """The same relative path from the parent folder or from a subfolder."""
    if path.is_absolute():
        return None
    below = [Path(name) / path for name in sorted(_names(Path(), folders=True)) if not name.startswith(".")]
    for other in (Path(*path.parts[1:]), Path("..") / path, *below):
        if other.parts and other.is_file():
            return other
    return None


def _similar_files(path: Path) -> str:
    """The sentence that names files with a similar stem; suffixes are not compared."""
    by_stem: dict[str, list[str]] = {}
    for name in _names(path.parent, folders=False):
        by_stem.setdefault(Path(name).stem, []).append(name)
    names = [name for stem in closest(path.stem, by_stem) for name in by_stem[stem]]
    return _question(names[:3])


def _names(folder: Path, *, folders: bool) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.name for e in islice(entries, _MOST_FILES) if (e.is_dir() if folders else e.is_file())]
