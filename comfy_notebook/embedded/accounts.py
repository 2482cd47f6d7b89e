"""Who may use the server, as whom, and within which limits.

Without a file there is one account, `default`, whatever its key. A TOML file gives several:

    [accounts.alice]
    api_key = "…"
    tier = "creator"            # standard 1, creator 3, pro 5 jobs at a time
    credits = 20                # one per submission; unlimited when left out
    subscription = "inactive"   # every submission answers 429
    status = "waitlisted"       # what /api/user says; submissions are refused
    rate_limit = 30             # submissions a minute; more answer 429 with Retry-After
    outage = 500                # every submission gets this status; 500 or 503
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .options import TIERS, is_sendable

DEFAULT_USER = "default"
_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "tier": tuple(TIERS), "subscription": ("active", "inactive"), "status": ("active", "waitlisted"),
    "outage": (500, 503),
}  # fmt: skip


class BadAccounts(Exception):
    """The accounts file cannot be used; the message says why in one line."""


@dataclass(frozen=True)
class Account:
    """One user of the server."""

    user: str
    api_key: str = field(repr=False)
    tier: str = "standard"
    credits: int | None = None
    subscription: str = "active"
    status: str = "active"
    rate_limit: int | None = None
    outage: int | None = None

    @property
    def parallel(self) -> int:
        """How many of the user's jobs run at a time."""
        return TIERS[self.tier]


class Accounts:
    """The accounts by key. Keys are looked up by hash, so that a hit takes as long as a miss."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_key = {_digest(account.api_key): account for account in accounts}
        self._by_user = {account.user: account for account in self._by_key.values()}
        self._recent: dict[str, list[float]] = {}

    def find(self, api_key: str | None) -> Account | None:
        """The account of a key, or None."""
        return self._by_key.get(_digest(api_key)) if api_key else None

    def of(self, user: str) -> Account | None:
        """The account of a user name."""
        return self._by_user.get(user)

    @property
    def first(self) -> Account:
        """The account of every request when no key is required (ComfyUI's dialect)."""
        return next(iter(self._by_user.values()))

    def admit(self, account: Account) -> float | None:
        """Count a submission against the rate limit: None if it is allowed, else the seconds to wait."""
        if account.rate_limit is None:
            return None
        now = time.monotonic()
        recent = [moment for moment in self._recent.get(account.user, ()) if moment > now - 60]
        self._recent[account.user] = recent
        if len(recent) >= account.rate_limit:
            return 60 - (now - recent[0]) if recent else 60.0
        recent.append(now)
        return None


def _digest(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode("utf-8", "surrogatepass")).digest()


def read_accounts(path: Path) -> Accounts:
    """The accounts of a TOML file."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("accounts")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadAccounts(f"{path}: {error}") from error
    if not isinstance(tables, dict) or not tables:
        raise BadAccounts(f"{path}: no [accounts.NAME] tables")
    accounts = [_account(path, user, table) for user, table in tables.items()]
    keys: dict[str, str] = {}
    for account in accounts:
        other = keys.setdefault(account.api_key, account.user)
        if other != account.user:
            raise BadAccounts(f"{path}: accounts.{other} and accounts.{account.user} have the same api_key")
    return Accounts(accounts)


def _account(path: Path, user: str, table: Any) -> Account:
    wanted: dict[str, Any] = {
        "api_key": str, "tier": str, "credits": int, "subscription": str, "status": str, "rate_limit": int,
        "outage": int,
    }  # fmt: skip
    where = f"{path}: accounts.{user}"
    if not isinstance(table, dict):
        raise BadAccounts(f"{where} is not a table")
    for key, value in table.items():
        if key not in wanted:
            raise BadAccounts(f"{where}.{key} is not a setting; there are {', '.join(wanted)}")
        if not isinstance(value, wanted[key]) or isinstance(value, bool):
            raise BadAccounts(f"{where}.{key} must be {wanted[key].__name__}")
    if not table.get("api_key"):
        raise BadAccounts(f"{where} has no api_key")
    if not is_sendable(table["api_key"]):
        raise BadAccounts(f"{where}.api_key must be printable ASCII without spaces: it is sent in a header")
    for key, choices in _CHOICES.items():
        if key in table and table[key] not in choices:
            raise BadAccounts(f"{where}.{key} must be one of {', '.join(map(str, choices))}")
    for key in ("credits", "rate_limit"):
        if table.get(key, 0) < 0:
            raise BadAccounts(f"{where}.{key} must not be negative")
    return Account(user=user, **table)
