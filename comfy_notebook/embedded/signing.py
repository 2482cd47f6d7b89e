"""Signed, expiring URLs: permission to read one object for a limited time without a key.

The signature covers everything the URL says (object, name, mime type, expiry), so that no part of
it can be changed; it is compared in constant time. The secret stays in the data directory, so URLs
given out before a restart keep working.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from ..atomic import write_file


@dataclass(frozen=True)
class Grant:
    """What a valid URL gives access to."""

    digest: str
    name: str
    mime: str


class Signer:
    """Signs and checks URLs of the storage origin."""

    def __init__(self, data_dir: Path, lifetime: float) -> None:
        self._lifetime = lifetime
        self._secret = _secret(data_dir / "signing-secret")

    def path(self, digest: str, name: str, mime: str) -> str:
        """The path and query that grant this object from now on."""
        expires = str(int(time.time() + self._lifetime))
        query = {"name": name, "type": mime, "expires": expires}
        query["signature"] = self._sign(digest, **query)
        return f"/objects/{digest}?{urlencode(query)}"

    def check(self, digest: str, query: Mapping[str, str]) -> Grant | None:
        """The grant this URL carries; None when it was forged or changed, or has expired."""
        name, mime, expires = (query.get(key, "") for key in ("name", "type", "expires"))
        expected = self._sign(digest, name=name, type=mime, expires=expires)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            return None
        return Grant(digest, name, mime) if time.time() <= int(expires) else None

    def _sign(self, digest: str, *, name: str, type: str, expires: str) -> str:
        # Lengths keep the parts apart: no two different grants make the same text.
        text = "".join(f"{len(part)}:{part}" for part in (digest, name, type, expires))
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _secret(path: Path) -> bytes:
    """The secret of this data directory, made on first use; written whole or not at all."""
    if path.exists():
        return path.read_bytes()
    secret = secrets.token_bytes(32)
    write_file(path, secret, mode=0o600)
    return secret
