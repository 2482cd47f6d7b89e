"""Targets, API keys, limits and defaults, and where each value came from.

Contract: nothing here opens a connection. A key is looked up in this order: argument,
`COMFY_CLOUD_API_KEY`, `COMFY_API_KEY`, the one `%comfy login` stored, Colab's secrets; every key
found is registered with `redact` before anyone sees it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from .errors import AuthenticationError, ComfyError
from .text import did_you_mean, register

CLOUD_URL = "https://cloud.comfy.org"
LOCAL_URL = "http://127.0.0.1:8188"
TARGETS = ("cloud", "local", "embedded")
KEY_VARIABLES = ("COMFY_CLOUD_API_KEY", "COMFY_API_KEY")
URL_VARIABLE = "COMFY_BASE_URL"

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Settings:
    """How the session behaves; `%config ComfyMagics` writes here.

    Times are in seconds, `embed_px` is the longest side of a picture kept in the notebook and
    `embed_bytes` the most bytes of pictures in one output. `patience` is how long a server may be
    out of reach before a waiting job gives up, `stall` how long a job may say nothing the client
    understands, and `downloads` how many outputs are fetched at once. `preview_method` is how a ComfyUI
    is asked to make previews ("auto", "latent2rgb", "taesd"); "default" leaves it to how it was started.
    """

    previews: bool = True
    preview_method: str = "auto"
    fps: float = 10.0
    embed_px: int = 512
    embed_bytes: int = 2_000_000
    timeout: float | None = None
    request_timeout: float = 60.0
    patience: float = 30.0
    stall: float = 3600.0
    quiet: float = 5.0
    downloads: int = 8


settings = Settings()
"""The session's settings: one instance, so that a change is seen by everyone."""


@dataclass(frozen=True)
class Key:
    """An API key and where it was found; it never shows itself."""

    value: str
    source: str

    def __post_init__(self) -> None:
        register(self.value)

    def __repr__(self) -> str:
        return f"<API key from {self.source}>"

    __str__ = __repr__


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return host in _LOOPBACK or host.startswith("127.")


def base_url(text: str) -> str:
    """A server's URL in one form: scheme, host, port and base path; no slash at the end, query or secret.

    `127.0.0.1:8188` gets `http://`, any other host without a scheme `https://`. Raises `ComfyError`
    for what is no http(s) URL.
    """
    given = text.strip()
    if "://" not in given and (any(c in given for c in ".:/") or given == "localhost"):
        given = ("http://" if is_loopback("//" + given) else "https://") + given
    parts = urlsplit(given)
    try:
        port = parts.port
    except ValueError:
        port = -1  # a bare word without a dot is a mistyped target rather than a host
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
    from urllib.parse import unquote

    password = unquote(parts.password or "")
    register(password)
    return unquote(parts.username), password


def find_key(argument: str | None = None) -> Key | None:
    """The API key to use and where it came from, or None."""
    if argument is not None:
        return Key(argument.strip(), "the api_key argument")
    for name in KEY_VARIABLES:
        if value := os.environ.get(name, "").strip():
            return Key(value, f"the environment variable {name}")
    from . import keys

    return keys.stored() or keys.colab()


def require_safe(url: str, key: Key | None) -> None:
    """Raise `AuthenticationError` rather than send a key in the clear to another machine."""
    if key is not None and urlsplit(url).scheme == "http" and not is_loopback(url):
        raise AuthenticationError(
            f"An API key is not sent to {url} over plain http: anyone on the way could read it.",
            hint="Use the https:// URL, or a tunnel to 127.0.0.1.",
        )


def data_dir() -> Path:
    """Where what outlives the kernel is kept: `COMFY_NOTEBOOK_DATA`, else the user's data directory."""
    from platformdirs import user_data_path

    override = os.environ.get("COMFY_NOTEBOOK_DATA")
    return Path(override) if override else user_data_path("comfy-notebook", appauthor=False)


def cache_dir() -> Path:
    """Where node definitions are cached: `COMFY_NOTEBOOK_CACHE`, else the user's cache directory."""
    from platformdirs import user_cache_path

    override = os.environ.get("COMFY_NOTEBOOK_CACHE")
    return Path(override) if override else user_cache_path("comfy-notebook", appauthor=False)
