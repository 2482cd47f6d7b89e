"""Node definitions are fetched once, kept on disk, and checked before they are used again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from comfy_notebook.client import nodes_cache
from comfy_notebook.client.exchange import Access
from comfy_notebook.client.http import Http
from comfy_notebook.client.nodes_cache import NodesCache
from comfy_notebook.keys import Key
from comfy_notebook.sync import IO

from .test_http import Scripted

NODES = {"Adder": {"input": {"required": {"n": ["INT", {"default": 1}]}}, "output": ["INT"]}}
BODY = json.dumps(NODES).encode()


@pytest.fixture
def server() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.close()


def _get(server: Scripted, key: str | None = None, **options: Any) -> list[str]:
    """As a new session would."""
    http = Http(Access(server.url, key=Key(key, "a test") if key else None))

    async def run() -> list[str]:
        try:
            return list(await NodesCache(http).get(**options))
        finally:
            await http.close()

    return IO.run(run())


def test_a_second_session_needs_no_request(server: Scripted) -> None:
    server.answers = [(200, {}, BODY)]
    assert _get(server) == _get(server) == ["Adder"]
    assert len(server.seen) == 1


def test_an_old_copy_is_checked_by_its_etag(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes_cache, "FRESH", 0.0)
    server.answers = [(200, {"ETag": '"v1"'}, BODY), (304, {}, b""), (200, {"ETag": '"v2"'}, b'{"New": {}}')]
    assert [_get(server) for _ in range(3)] == [["Adder"], ["Adder"], ["New"]]
    assert [headers.get("if-none-match") for _, _, headers in server.seen] == [None, '"v1"', '"v1"']


def test_refresh_asks_again(server: Scripted) -> None:
    server.answers = [(200, {}, BODY), (200, {}, b'{"New": {}}')]
    assert [_get(server), _get(server, refresh=True)] == [["Adder"], ["New"]]


def test_each_account_has_its_own(server: Scripted) -> None:
    server.answers = [(200, {}, BODY), (200, {}, b'{"Mine": {}}')]
    assert [_get(server, "key-number-one"), _get(server, "key-number-two")] == [["Adder"], ["Mine"]]


def test_a_damaged_copy_is_fetched_anew(server: Scripted) -> None:
    from comfy_notebook.config import cache_dir

    server.answers = [(200, {}, BODY), (200, {}, BODY)]
    _get(server)
    for path in cache_dir().glob("nodes-*"):
        path.write_bytes(b"\x1f\x8bgarbage")
    assert _get(server) == ["Adder"]
