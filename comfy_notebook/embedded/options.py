"""The settings of the embedded server, made by `cli`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Dialect = Literal["cloud", "comfyui"]

# Jobs of one user that run at a time, by subscription tier (the reference, "Parallel Execution").
TIERS = {"standard": 1, "creator": 3, "pro": 5}

MAX_UPLOAD = 50 * 1024 * 1024
MAX_DOWNLOAD = 1024 * 1024 * 1024
MAX_EDGE = 16384
MAX_PIXELS = 67_108_864


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_sendable(api_key: str) -> bool:
    """Whether a key can go into an HTTP header and a query as it is."""
    return api_key.isascii() and api_key.isprintable() and " " not in api_key


@dataclass(frozen=True)
class Options:
    """The server's settings; times in seconds, sizes in bytes."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    storage_port: int = 0
    api_key: str = field(default="", repr=False)
    tier: str = "standard"
    accounts: Path | None = None
    raw_status: bool = False
    preview_method: str = ""
    dialect: Dialect = "cloud"
    exit_with_parent: bool = False
    url_lifetime: float = 6 * 3600.0
    quota: int = 10 * 1024**3
    cache_bytes: int = 1024**3
    # A JSON body; files have limits of their own.
    max_body: int = 16 * 1024 * 1024

    def sends_previews(self, asked: object) -> bool:
        """Whether a job that asks for this `preview_method` has its steps shown.

        ComfyUI shows none unless it was started with `--preview-method`; newer ones let each job say.
        """
        default = self.preview_method or ("auto" if self.dialect == "cloud" else "none")
        return (asked if isinstance(asked, str) and asked != "default" else default) != "none"
