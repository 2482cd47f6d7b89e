"""`Connection`: one server and everything that is shared while talking to it."""

from __future__ import annotations

import uuid
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..config import Settings, settings
from ..sync import IO
from . import logs
from .downloads import Downloads
from .live import LiveJobs
from .meter import Meter
from .nodes_cache import NodesCache
from .uploads import Uploads

if TYPE_CHECKING:
    from .dialect import Dialect
    from .embedded import Embedded
    from .exchange import Access
    from .http import Http


@dataclass(frozen=True, eq=False)
class Connection:
    """What following, submitting, uploading and the clients use to talk to one server.

    `target` and `reason` say in words which server this is and why it was chosen; `server` is the
    embedded server's process, when that is what this talks to. `timings` holds what each node class took
    in the last run that had it (see `jobs.progress`).
    """

    http: Http
    dialect: Dialect
    live: LiveJobs
    uploads: Uploads
    downloads: Downloads
    nodes: NodesCache
    meter: Meter
    settings: Settings
    client_id: str
    target: str
    reason: str = ""
    server: Embedded | None = None
    timings: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    @classmethod
    def to(
        cls,
        http: Http,
        dialect: Dialect,
        *,
        target: str = "",
        reason: str = "",
        server: Embedded | None = None,
    ) -> Connection:
        """A connection to the server that `http` asks, in its dialect."""
        client_id = str(uuid.uuid4())
        meter, downloads = Meter(), Downloads(http)
        live = LiveJobs(
            lambda deliver, resync: dialect.events(http.access, client_id, deliver, resync),
            lambda: dialect.queue(http),
            http.access.url,
        )
        made = cls(
            http=http,
            dialect=dialect,
            live=live,
            uploads=Uploads(http, dialect, live, downloads, meter),
            downloads=downloads,
            nodes=NodesCache(http, keep=server is None),
            meter=meter,
            settings=settings,
            client_id=client_id,
            target=target or http.access.url,
            reason=reason,
            server=server,
        )
        IO.clients.add(made)
        # A connection that is dropped without `close` leaves no socket behind.
        weakref.finalize(made, IO.start_if_running, http.close).atexit = False
        logs.install()
        return made

    @property
    def access(self) -> Access:
        """The server's address and credentials."""
        return self.http.access

    @property
    def url(self) -> str:
        """The server's address."""
        return self.http.access.url

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.live.closed

    async def close(self) -> None:
        """Close the sockets; jobs go on."""
        await self.live.close()
        await self.http.close()
