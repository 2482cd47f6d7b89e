"""Keeping an API key between sessions: the OS keyring where there is one, else a 0600 file.

`login` asks with no echo, `logout` forgets. The keyring is the `keyring` library (the `keyring`
extra); without it, or without a usable backend, the key is one line in the data directory,
readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from .config import Key, data_dir
from .errors import ComfyError

SERVICE = "comfy-notebook"
USER = "comfy-cloud"


def stored() -> Key | None:
    """The key `login` kept, or None."""
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
    """The key among Colab's secrets, when the notebook runs there and was given access."""
    if "google.colab" not in sys.modules:
        return None
    from .config import KEY_VARIABLES

    for name in KEY_VARIABLES:
        with contextlib.suppress(Exception):
            from google.colab import userdata

            if value := (userdata.get(name) or "").strip():
                return Key(value, f"the Colab secret {name}")
    return None


def login(key: str | None = None) -> str:
    """Keep an API key on this machine, asked for with no echo unless given; says where it is kept.

    Raises `ComfyError` when nothing is typed.
    """
    if key is None:
        import getpass

        key = getpass.getpass("Comfy Cloud API key (not shown): ")
    key = key.strip()
    if not key or any(c.isspace() for c in key):
        raise ComfyError("That is not an API key.", hint="Make one at https://platform.comfy.org.")
    Key(key, "login")
    ring = _keyring()
    if ring is not None:
        try:
            ring.set_password(SERVICE, USER, key)
        except Exception:
            ring = None
    if ring is not None:
        _file().unlink(missing_ok=True)
        return "The key is kept in the system's keyring."
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key + "\n")
    return f"The key is kept in {path}, readable by you alone."


def logout() -> bool:
    """Forget the kept key everywhere; whether there was one."""
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
    """The `keyring` module, when it is installed and has a backend that keeps things."""
    if os.environ.get("COMFY_NOTEBOOK_KEYRING") == "0":
        return None
    try:
        import keyring
        from keyring.backends import fail

        backend = keyring.get_keyring()
    except Exception:
        return None
    return None if isinstance(backend, fail.Keyring) or backend.priority <= 0 else keyring
