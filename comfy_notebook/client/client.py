"""`Client`: a connection to one server, with plain calls.

Made from `AsyncClient`'s methods by `sync.plain`: there is one implementation, and one signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config import Settings
from ..sync import PlainProperty, plain
from .connection import AsyncClient

if TYPE_CHECKING:
    from ..workflow.catalog import NodeCatalog
    from .embedded import Embedded

__all__ = ["AsyncClient", "Client"]


class Client:
    """A connection to one server, with plain calls; `comfy.connect()` makes one."""

    def __init__(self, connection: AsyncClient) -> None:
        self._async = connection

    submit = plain(AsyncClient.submit)
    job = plain(AsyncClient.job)
    run = plain(AsyncClient.run)
    sweep = plain(AsyncClient.sweep)
    cancel = plain(AsyncClient.cancel)
    interrupt = plain(AsyncClient.interrupt)
    queue = plain(AsyncClient.queue)
    clear_queue = plain(AsyncClient.clear_queue)
    jobs = plain(AsyncClient.jobs)
    delete_history = plain(AsyncClient.delete_history)
    upload = plain(AsyncClient.upload)
    upload_mask = plain(AsyncClient.upload_mask)
    download = plain(AsyncClient.download)
    refresh_nodes = plain(AsyncClient.refresh_nodes)
    models = plain(AsyncClient.models)
    features = plain(AsyncClient.features)
    system_stats = plain(AsyncClient.system_stats)
    user = plain(AsyncClient.user)
    info = plain(AsyncClient.info)
    close = plain(AsyncClient.close)
    nodes: PlainProperty[NodeCatalog] = PlainProperty(AsyncClient.nodes)

    @property
    def nodes_at_hand(self) -> NodeCatalog | None:
        """The node classes if they were fetched before; never asks the server."""
        return self._async.nodes_at_hand

    @property
    def job_ids(self) -> list[str]:
        """The ids of jobs submitted, attached to or listed here, newest last; never asks the server."""
        return self._async.job_ids

    @property
    def url(self) -> str:
        """The server's address."""
        return self._async.url

    @property
    def target(self) -> str:
        """What it was connected to, in words: cloud, local, embedded, or the URL."""
        return self._async.target

    @property
    def dialect(self) -> str:
        """Which dialect the server speaks: "cloud" or "comfyui"."""
        return self._async.dialect.name

    @property
    def reason(self) -> str:
        """One line: which server was taken, and why."""
        return self._async.reason

    @property
    def settings(self) -> Settings:
        """The session's settings."""
        return self._async.settings

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._async.closed

    @property
    def server(self) -> Embedded | None:
        """The embedded server's process, when that is what this talks to."""
        return self._async.server

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._async).replace("<AsyncClient", "<Client")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from ..display import client_card

        return client_card(self)
