"""Which certificates are trusted, by HTTP and the WebSocket alike.

`verify` is True (the system's authorities), False (any certificate) or the path of a PEM file or a folder
of them: only those for the server itself, and those as well for hosts it redirects to.
"""

from __future__ import annotations

import os
import ssl

from ..errors import ComfyError


def context(verify: bool | str, *, elsewhere: bool = False) -> ssl.SSLContext:
    """The SSL context for the server itself, or for hosts `elsewhere`, which are always verified."""
    own = verify if isinstance(verify, str) else None
    cafile, capath = (None, own) if own is not None and os.path.isdir(own) else (own, None)
    if own is not None and not elsewhere:
        made = ssl.create_default_context(cafile=cafile, capath=capath)
    else:
        made = ssl.create_default_context()
        if not made.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_DIR"):
            # Python from python.org on a Mac has no authorities; certifi comes with httpx.
            import certifi

            made.load_verify_locations(certifi.where())
        if own is not None:
            made.load_verify_locations(cafile, capath)
    if verify is False and not elsewhere:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def check(path: str) -> None:
    """Raise `ComfyError` for a path without certificates."""
    try:
        context(path)
    except (ssl.SSLError, OSError) as error:
        raise ComfyError(
            f"{path!r} cannot be used as a CA file: {error.strerror or error}.",
            hint="verify= takes a PEM file's path.",
        ) from None
