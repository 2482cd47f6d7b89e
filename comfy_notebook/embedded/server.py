"""The server's parts, put together once: what a route may ask for."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .accounts import DEFAULT_USER, Account, Accounts, read_accounts
from .assets import Assets
from .blobs import Blobs
from .cache import Cache
from .context import UserFiles
from .database import Database, DataDirLock
from .events import Hub
from .executor import Executor, Run
from .fetching import Downloads
from .jobs import Jobs
from .options import MAX_DOWNLOAD, Options, is_loopback
from .scheduler import Scheduler
from .signing import Signer
from .userdata import UserData

if TYPE_CHECKING:
    from ..protocol.status import JobStatus
    from .nodes.base import Node

MODELS: Mapping[str, list[str]] = {
    folder: ["analytic-scenes.safetensors"]
    for folder in ("checkpoints", "diffusion_models", "text_encoders", "vae")
}


class Server:
    """One embedded server over one data directory."""

    def __init__(self, options: Options) -> None:
        options.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.options = options
        self._lock = DataDirLock(options.data_dir)
        if options.accounts is not None:
            self.accounts = read_accounts(options.accounts)
        else:
            key = options.api_key or secrets.token_urlsafe(24)
            self.accounts = Accounts([Account(DEFAULT_USER, key, options.tier)])
        self.database = Database(options.data_dir / "server.sqlite")
        self.blobs = Blobs(options.data_dir)
        self.assets = Assets(self.database, self.blobs, options.quota, loose_names=options.dialect == "cloud")
        self.jobs = Jobs(self.database)
        self.downloads = Downloads(self.assets, MAX_DOWNLOAD)
        self.userdata = UserData(self.database)
        self.signer = Signer(options.data_dir, options.url_lifetime)
        self.hub = Hub(options.dialect)
        self.cache = Cache(options.cache_bytes)
        self.nodes = NodeLibrary()
        self.scheduler = Scheduler(self.jobs, self.hub, options, self._parallel, self._execute)
        self.storage_port = options.storage_port

    @property
    def api_key(self) -> str:
        """The key that goes with the address: the first account's."""
        return self.accounts.first.api_key

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.options.host)

    def start(self) -> None:
        """Begin work, on the running loop: load the nodes, take up waiting jobs."""
        loop = asyncio.get_running_loop()
        self.hub.bind(loop)
        self.nodes.start(loop)
        self.scheduler.start(loop)

    async def stop(self) -> None:
        """End work: running jobs stop at their next step, and sockets are closed."""
        self.scheduler.stop()
        await self.scheduler.idle(timeout=2.0)
        await self.hub.close()

    def close(self) -> None:
        """Release the data directory."""
        self.database.close()
        self._lock.release()

    def files(self, user: str) -> UserFiles:
        """What this user's nodes may read."""
        return UserFiles(self.assets, user, MODELS)

    def _parallel(self, user: str) -> int:
        if self.options.dialect == "comfyui":
            return 1
        account = self.accounts.of(user)
        return account.parallel if account is not None else 1

    def _execute(self, run: Run) -> JobStatus:
        executor = Executor(self.nodes.wait(), self.jobs, self.assets, self.cache, self.options.dialect)
        return executor.execute(run, self.files(run.job.user))


class NodeLibrary:
    """The nodes, imported in a thread while the server begins to answer; callers that need them wait."""

    def __init__(self) -> None:
        self._nodes: asyncio.Future[Any] | None = None
        self._loaded: Any = None
        self._lock = threading.Lock()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to import them."""
        self._nodes = loop.run_in_executor(None, self.wait)

    async def get(self) -> Any:
        """The registry."""
        if self._loaded is None:
            assert self._nodes is not None
            await asyncio.shield(self._nodes)
        return self._loaded

    def wait(self) -> Mapping[str, type[Node]]:
        """The registry, for a worker thread."""
        with self._lock:
            if self._loaded is None:
                from PIL import EpsImagePlugin

                from .nodes.registry import default_registry

                # Pillow would hand an uploaded EPS to Ghostscript, a program for whatever is in it.
                EpsImagePlugin.gs_binary = False
                self._loaded = default_registry()
        registry: Mapping[str, type[Node]] = self._loaded
        return registry
