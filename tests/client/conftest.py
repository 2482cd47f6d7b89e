"""Clients of the servers the tests talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import comfy_notebook as comfy
from comfy_notebook import api
from comfy_notebook.clients import Client
from tests.replay import Replay


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, server or file of the person running the tests is found."""
    for name in ("COMFY_BASE_URL", "COMFY_CLOUD_API_KEY", "COMFY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMFY_NOTEBOOK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COMFY_NOTEBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COMFY_NOTEBOOK_KEYRING", "0")
    monkeypatch.setattr(api.session, "client", None)


@pytest.fixture
def cloud(embedded: Any) -> Iterator[Client]:
    """A client of the session's embedded server, in the Cloud's dialect."""
    with comfy.connect(embedded.url, api_key=embedded.api_key, default=False, quiet=True) as client:
        yield client


@pytest.fixture
def replay() -> Iterator[Callable[[str], tuple[Replay, Client]]]:
    """Plays a recording of a real ComfyUI: `server, client = replay("txt2img_meta")`."""
    opened: list[tuple[Replay, Client]] = []

    def start(recording: str, speed: float = 0.0) -> tuple[Replay, Client]:
        server = Replay(recording, speed=speed).__enter__()
        client = comfy.connect(server.url, default=False, quiet=True)
        opened.append((server, client))
        return server, client

    yield start
    for server, client in opened:
        client.close()
        server.stop()
