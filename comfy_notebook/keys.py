"""API keys: where they are looked up, and how `%comfy login` keeps one between sessions.

A key is taken from the first place that has one: the argument, `COMFY_CLOUD_API_KEY`,
`COMFY_API_KEY`, the key stored by `login`, Colab's secrets. `login` stores it with the `keyring`
library (the `keyring` extra) when that has a usable backend, else in a file in the data directory
that only its owner can read. Every key is masked in all texts from the moment it is found.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .atomic import write_file
from .config import data_dir, is_loopback
from .errors import AuthenticationError, ComfyError
from .text import register

KEY_VARIABLES = ("COMFY_CLOUD_API_KEY", "COMFY_API_KEY")
SERVICE = "comfy-notebook"
USER = "comfy-cloud"


@dataclass(frozen=True)
class Key:
    """An API key and where it was found. Its repr and `str` do not contain the key."""

    value: str
    source: str

    def __post_init__(self) -> None:
        register(self.value)

    def __repr__(self) -> str:
        return f"<API key from {self.source}>"

    __str__ = __repr__


def find_key(argument: str | None = None) -> Key | None:
    """The API key to use, or None when there is none."""
    if argument is not None:
        return Key(argument.strip(), "the api_key argument")
    return environment_key() or stored() or colab()


def environment_key() -> Key | None:
    """The key in the first environment variable that holds one, or None."""
    for name in KEY_VARIABLES:
        if value := os.environ.get(name, "").strip():
            return Key(value, f"the environment variable {name}")
    return None


def stored() -> Key | None:
    """The key stored by `login`, or None."""
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):
            if value := ring.get_password(SERVICE, USER):
                return Key(value, "the system's keyring (%comfy login)")
    try:
        value = _file().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Key(value, "the key file of %comfy login") if value else None


def colab() -> Key | None:
    """The key among Colab's secrets, or None outside Colab and without access to them."""
    if "google.colab" not in sys.modules:
        return None
    for name in KEY_VARIABLES:
        with contextlib.suppress(Exception):
            from google.colab import userdata

            if value := (userdata.get(name) or "").strip():
                return Key(value, f"the Colab secret {name}")
    return None


def require_safe(url: str, key: Key | None) -> None:
    """Raise `AuthenticationError` for a key that would go to another machine unencrypted."""
    if key is not None and urlsplit(url).scheme == "http" and not is_loopback(url):
        raise AuthenticationError(
            f"An API key is not sent to {url} over unencrypted http: others could read it on the way.",
            hint="Use the https:// URL, or a tunnel to 127.0.0.1.",
        )


def login(key: str | None = None) -> str:
    """Store an API key on this machine and return a sentence that says where.

    Without an argument, asks for the key and does not echo it. Raises `ComfyError` when the text
    cannot be a key.
    """
    if key is None:
        import getpass

        key = getpass.getpass("Comfy Cloud API key (not shown): ")
    key = key.strip()
    if not key or any(c.isspace() for c in key):
        raise ComfyError("That is not an API key.", hint="Make one at https://platform.comfy.org.")
    register(key)
    ring = _keyring()
    if ring is not None:
        try:
            ring.set_password(SERVICE, USER, key)
        except Exception:
            ring = None
    path = _file()
    if ring is not None:
        path.unlink(missing_ok=True)
        return "The key is stored in the system's keyring."
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, f"{key}\n".encode(), mode=0o600)
    return f"The key is stored in {path}, which only you can read."


def logout() -> bool:
    """Delete the stored key everywhere; whether there was one."""
    found = stored() is not None
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):
            ring.delete_password(SERVICE, USER)
    _file().unlink(missing_ok=True)
    return found


def _file() -> Path:
    return data_dir() / "api-key"


def _keyring() -> Any:
    """The `keyring` module, when it is installed and has a backend that stores keys."""
    if os.environ.get("COMFY_NOTEBOOK_KEYRING") == "0":
        return None
    try:
        import keyring
        from keyring.backends import fail

        backend = keyring.get_keyring()
    except Exception:
        return None
    return None if isinstance(backend, fail.Keyring) or backend.priority <= 0 else keyring
