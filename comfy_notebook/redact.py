"""Keeping API keys out of everything a person may see or share.

Every key the package takes in is registered here once (`config`), and every text that leaves it
(exception, repr, log record, report) goes through `redact`. Keys are never written anywhere by
this module, and short strings are not treated as keys: replacing them would garble ordinary text.
"""

from __future__ import annotations

import re
import threading
from typing import Any

MASK = "[redacted]"
_MIN_LENGTH = 6
# The wire has keys in URLs (`/ws?…&token=KEY`), signed URLs and partner keys in graphs.
_PATTERNS = (
    re.compile(r"((?:[?&]|\b)(?:token|api_key|signature|sig|X-Amz-Signature)=)(?!…)"
               r"[^&\s\"'<>]+", re.IGNORECASE),
    re.compile(r"((?:X-API-Key|Authorization|api_key_comfy_org|auth_token_comfy_org)[\"']?\s*[:=]\s*[\"']?)"
               r"(?:Bearer\s+|Basic\s+)?[^\s\"',}]+", re.IGNORECASE),
    re.compile(r"((?<=://)[^/\s:@]{0,256}:)[^/\s@]{1,256}(?=@)"),
)  # fmt: skip
_known: set[str] = set()
_lock = threading.Lock()


def register(secret: str | None) -> None:
    """Treat this exact text as a secret from now on, wherever it turns up."""
    if secret and len(secret) >= _MIN_LENGTH:
        with _lock:
            _known.add(secret)


def redact(text: Any) -> str:
    """The text with every known key, and whatever stands where a key does, replaced by a mask."""
    out = str(text)
    for secret in sorted(_known, key=len, reverse=True):
        out = out.replace(secret, MASK)
    for pattern in _PATTERNS:
        out = pattern.sub(rf"\g<1>{MASK}", out)
    return out
