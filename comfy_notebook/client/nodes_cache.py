"""A server's node definitions, kept on disk between sessions.

One gzip file per server and key. A copy younger than `FRESH` seconds is used as it is, an older one only
after the server has confirmed its ETag; without an ETag the definitions are fetched again. Before
`submit` refuses a workflow it fetches them again too, so that nodes installed since are found.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write_file
from ..config import cache_dir
from ..errors import ComfyError, ServerError
from ..workflow.catalog import NodeCatalog

if TYPE_CHECKING:
    from .http import Http

FRESH = 300.0
STALE = 7 * 24 * 3600.0


class NodesCache:
    """The definitions of one server."""

    def __init__(self, http: Http, *, keep: bool = True) -> None:
        self._http = http
        self._keep = keep
        self.catalog: NodeCatalog | None = None
        self._at = 0.0

    async def get(self, refresh: bool = False) -> NodeCatalog:
        """The catalog: the one in memory, the one on disk if it is still valid, or a new one."""
        if self.catalog is not None and not refresh:
            return self.catalog
        saved = None if refresh or not self._keep else self._load()
        if saved is not None and time.time() - saved["at"] < FRESH:
            return self._take(saved["nodes"])
        headers = {"If-None-Match": saved["etag"]} if saved and saved.get("etag") else None
        answer = await self._http.request(
            "GET",
            "/api/object_info",
            headers=headers,
            accept=(304,),
            doing="the node definitions",
            timeout=120,
        )
        if answer.status == 304 and saved is not None:
            nodes, etag = saved["nodes"], saved["etag"]
        else:
            nodes, etag = answer.json(), answer.headers.get("etag", "")
        if not isinstance(nodes, dict):
            raise ServerError("The server's node definitions cannot be read.", status=answer.status)
        if self._keep:
            self._save({"at": time.time(), "etag": etag, "nodes": nodes})
        return self._take(nodes)

    async def one(self, class_type: str) -> dict[str, Any]:
        """The definition of one class, fetched now; empty when the server has none."""
        from urllib.parse import quote

        answer = await self._http.get(
            f"/api/object_info/{quote(class_type, safe='')}", doing="a node's definition"
        )
        found = answer.json()
        return found if isinstance(found, dict) else {}

    def _take(self, nodes: dict[str, Any]) -> NodeCatalog:
        self.catalog = NodeCatalog.from_object_info(nodes)
        return self.catalog

    def _path(self) -> Path:
        access = self._http.access
        who = f"{access.url}|{access.key.value if access.key else ''}"
        return cache_dir() / f"nodes-{hashlib.sha256(who.encode()).hexdigest()[:20]}.json.gz"

    def _load(self) -> dict[str, Any] | None:
        try:
            with gzip.open(self._path(), "rt", encoding="utf-8") as file:
                saved = json.load(file)
        except (OSError, EOFError, ValueError, ComfyError):
            return None
        usable = isinstance(saved, dict) and isinstance(saved.get("nodes"), dict) and "at" in saved
        return saved if usable and time.time() - saved["at"] < STALE else None

    def _save(self, saved: dict[str, Any]) -> None:
        path = self._path()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, gzip.compress(json.dumps(saved).encode(), 3))
