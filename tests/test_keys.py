"""Where a key is looked up, where it is stored, and where it may be sent."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from comfy_notebook import keys
from comfy_notebook.errors import AuthenticationError, ComfyError


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in keys.KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMFY_NOTEBOOK_DATA", str(tmp_path))
    monkeypatch.setenv("COMFY_NOTEBOOK_KEYRING", "0")


def test_the_order_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys.find_key() is None
    colab = types.ModuleType("google.colab")
    colab.userdata = types.SimpleNamespace(get=lambda name: "colab-key" if "CLOUD" in name else None)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert _found() == ("colab-key", "the Colab secret COMFY_CLOUD_API_KEY")
    keys.login("stored-key")
    assert _found() == ("stored-key", "the key file of %comfy login")
    monkeypatch.setenv("COMFY_API_KEY", "older-key")
    assert _found()[0] == "older-key"
    monkeypatch.setenv("COMFY_CLOUD_API_KEY", "cloud-key")
    assert _found()[0] == "cloud-key"
    assert keys.find_key("given-key").value == "given-key"


def _found() -> tuple[str, str]:
    key = keys.find_key()
    assert key is not None
    return key.value, key.source


def test_a_kept_key_is_its_owners_alone(tmp_path: Path) -> None:
    said = keys.login("kept-key-123456")
    path = tmp_path / "api-key"
    assert "kept-key-123456" not in said
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert keys.logout()
    assert not path.exists()
    assert not keys.logout()


def test_the_keyring_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    held: dict[tuple[str, str], str] = {}
    ring = types.SimpleNamespace(
        get_password=lambda *at: held.get(at),
        set_password=lambda service, user, value: held.__setitem__((service, user), value),
        delete_password=lambda *at: held.pop(at),
    )
    monkeypatch.setattr(keys, "_keyring", lambda: ring)
    assert "keyring" in keys.login("ring-key-123456")
    assert not (tmp_path / "api-key").exists()
    assert _found()[0] == "ring-key-123456"
    assert keys.logout()
    assert not held


def test_login_asks_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "  typed-key-123456\n")
    keys.login()
    assert _found()[0] == "typed-key-123456"
    monkeypatch.setattr("getpass.getpass", lambda prompt: "")
    with pytest.raises(ComfyError, match="not an API key"):
        keys.login()


def test_a_key_shows_only_where_it_is_from() -> None:
    key = keys.Key("never-shown-123", "a test")
    assert "never-shown" not in f"{key} {key!r} {[key]}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "https://far.example.org"])
def test_where_a_key_may_go(url: str) -> None:
    keys.require_safe(url, keys.Key("a-key-123456", "a test"))


def test_where_it_may_not() -> None:
    with pytest.raises(AuthenticationError):
        keys.require_safe("http://far.example.org", keys.Key("a-key-123456", "a test"))
    keys.require_safe("http://far.example.org", None)
