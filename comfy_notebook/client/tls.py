"""Which certificates are believed: one context for HTTP and one for the WebSocket, made alike.

`verify` is True (this system's authorities), False (anyone) or the path of a PEM file or a folder of
such (those and no others, for the server itself; those as well, for the hosts it redirects to).
"""

from __future__ import annotations

import os
import ssl

from ..errors import ComfyError


def context(verify: bool | str, *, elsewhere: bool = False) -> ssl.SSLContext:
    """A context for the server itself, or for hosts `elsewhere`, which are always verified."""
    own = verify if isinstance(verify, str) else None
    cafile, capath = (None, own) if own is not None and os.path.isdir(own) else (own, None)
    if own is not None and not elsewhere:
        made = ssl.create_default_context(cafile=cafile, capath=capath)
    else:
        made = ssl.create_default_context()
        if not made.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_DIR"):
            # Python from python.org on a Mac comes without any, and httpx brings certifi's along.
            import certifi

            made.load_verify_locations(certifi.where())
        if own is not None:
            made.load_verify_locations(cafile, capath)
    if verify is False and not elsewhere:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def check(path: str) -> None:
    """Raise `ComfyError` for what holds no certificates."""
    try:
        context(path)
    except (ssl.SSLError, OSError) as error:
        raise ComfyError(
            f"{path!r} cannot be used as a CA file: {error.strerror or error}.",
            hint="verify= takes a PEM file's path.",
        ) from None
