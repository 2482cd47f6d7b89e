"""Settings and their defaults, server URLs, and the directories for data and caches.

Nothing here opens a connection; API keys are in `keys`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from .errors import ComfyError
from .text import did_you_mean, register

CLOUD_URL = "https://cloud.comfy.org"
LOCAL_URL = "http://127.0.0.1:8188"
TARGETS = ("cloud", "local", "embedded")
URL_VARIABLE = "COMFY_BASE_URL"

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _setting(default: Any, help: str, **limits: Any) -> Any:
    """A field with its help text and, as traitlets names them, its limits: `min`, `max`, `values`."""
    return field(default=default, metadata={"help": help, **limits})


@dataclass
class Settings:
    """How the session behaves. `%config ComfyMagics` lists these settings and changes them.

    Times are in seconds. Each field's help text is in its metadata.
    """

    previews: bool = _setting(True, "Show preview frames while a job runs.")
    preview_method: str = _setting(
        "auto",
        'How ComfyUI makes preview frames; "default" uses the method it was started with.',
        values=("auto", "latent2rgb", "taesd", "default"),
    )
    fps: float = _setting(10.0, "The most redraws of a live view per second.", min=0.1, max=60.0)
    embed_px: int = _setting(512, "The longest side, in pixels, of a picture stored in the notebook.", min=16)
    embed_bytes: int = _setting(
        2_000_000, "The most bytes of pictures stored in one cell's output.", min=10_000
    )
    timeout: float | None = _setting(
        None, "How many seconds to wait for a job; None waits until it ends.", min=0.0
    )
    request_timeout: float = _setting(60.0, "How many seconds one HTTP request may take to answer.", min=0.1)
    patience: float = _setting(
        30.0, "How many seconds a server may be unreachable before a waiting job gives up.", min=0.0
    )
    stall: float = _setting(
        3600.0, "How many seconds a job may report only statuses that are not known here.", min=0.0
    )
    quiet: float = _setting(
        5.0, "After how many seconds without an event the server is asked for the job's status.", min=0.05
    )
    private_urls: bool = _setting(
        False, "Whether a URL given as a file may be at a private address, as in a local network."
    )
    downloads: int = _setting(8, "How many outputs are downloaded at the same time.", min=1)


settings = Settings()
"""The session's settings, one instance for the whole process."""


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return host in _LOOPBACK or host.startswith("127.")


def base_url(text: str) -> str:
    """A server's URL as scheme, host, port and base path, without trailing slash, query or secret.

    A loopback host without a scheme gets `http://`, any other `https://`. Raises `ComfyError` for
    anything that is not an http(s) URL.
    """
    given = text.strip()
    # A single word without a dot is more likely a mistyped target than a host.
    if "://" not in given and (any(c in given for c in ".:/") or given == "localhost"):
        given = ("http://" if is_loopback("//" + given) else "https://") + given
    parts = urlsplit(given)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or " " in given:
        raise ComfyError(
            f"{text!r} is neither a server's URL nor one of {', '.join(TARGETS)}.",
            hint=did_you_mean(text, TARGETS) or "A URL looks like https://host:8188.",
        )
    path = parts.path.rstrip("/")
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, path, "", ""))


def url_credentials(text: str) -> tuple[str, str] | None:
    """The user and password written into a URL, or None."""
    parts = urlsplit(text.strip())
    if parts.username is None:
        return None

    password = unquote(parts.password or "")
    register(password)
    return unquote(parts.username), password


def data_dir() -> Path:
    """The directory for lasting data: `COMFY_NOTEBOOK_DATA`, else the user's data directory."""
    from platformdirs import user_data_path

    override = os.environ.get("COMFY_NOTEBOOK_DATA")
    return Path(override) if override else user_data_path("comfy-notebook", appauthor=False)


def cache_dir() -> Path:
    """The directory for caches: `COMFY_NOTEBOOK_CACHE`, else the user's cache directory."""
    from platformdirs import user_cache_path

    override = os.environ.get("COMFY_NOTEBOOK_CACHE")
    return Path(override) if override else user_cache_path("comfy-notebook", appauthor=False)
