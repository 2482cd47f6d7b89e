"""`AsyncClient`: everything one server can do, awaitable; and `Client`, the same with blocking calls.

All I/O runs on the background loop (`sync`), whichever loop awaits it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .client import server as servers
from .client.connecting import ConnectOptions, open_connection, warn_unverified
from .client.connection import Connection
from .client.records import FileRef, JobPage, QueueInfo, ServerInfo
from .client.uploads import Progress
from .config import Settings
from .jobs import submit as submitting
from .jobs.job import Job
from .jobs.submit import DEFAULTS, SubmitOptions
from .signatures import shows_options
from .sync import IO, LazyAwaitable, PlainProperty, on_io, plain
from .views import view
from .workflow.workflow import Workflow

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .client.embedded import Embedded
    from .jobs.result import Result
    from .jobs.sweep import Sweep
    from .workflow.catalog import NodeCatalog


class _Described:
    """What both clients tell of their connection without a request."""

    connection: Connection

    @property
    def url(self) -> str:
        """The server's address."""
        return self.connection.url

    @property
    def target(self) -> str:
        """What it was connected to: "cloud", "local", "embedded", or the URL."""
        return self.connection.target

    @property
    def dialect(self) -> str:
        """Which dialect the server speaks: "cloud" or "comfyui"."""
        return self.connection.dialect.name

    @property
    def reason(self) -> str:
        """One line: which server was chosen, and why."""
        return self.connection.reason

    @property
    def settings(self) -> Settings:
        """The session's settings."""
        return self.connection.settings

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.connection.closed

    @property
    def server(self) -> Embedded | None:
        """The embedded server's process, when this is a client of it."""
        return self.connection.server

    @property
    def job_ids(self) -> list[str]:
        """The ids of jobs submitted, attached to or listed here, newest last; makes no request."""
        return self.connection.live.job_ids

    @property
    def nodes_at_hand(self) -> NodeCatalog | None:
        """The node classes if they were fetched before; makes no request."""
        return self.connection.nodes.catalog

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ""
        return f"<{type(self).__name__} of {self.target} ({self.dialect}){state}>"


class AsyncClient(_Described):
    """One server, awaitable: `await AsyncClient.connect(…)` makes one."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._plain: Client | None = None

    @classmethod
    @shows_options(ConnectOptions, verify=True)
    async def connect(cls, target: str | None = None, **options: Unpack[ConnectOptions]) -> AsyncClient:
        """Connect to a target or URL; the arguments are those of `comfy.connect`."""
        warn_unverified(options.get("verify", True))
        return cls(await IO.bridge(open_connection(target, **options)))

    @property
    def plain(self) -> Client:
        """The same connection with blocking calls."""
        if self._plain is None:
            self._plain = Client(self)
        return self._plain

    # -- jobs ----------------------------------------------------------------------------------------

    @on_io
    @shows_options(SubmitOptions, more="keywords", **DEFAULTS)
    async def submit(self, /, workflow: Any = None, **options: Any) -> Job:
        """Submit a workflow and return its `Job` at once; `prompt=` alone submits the default workflow.

        `seed` sets every seed input (a number, or "random"); `inputs` sets `NODE.INPUT`s of a copy;
        `partner_key` is the API key for partner nodes (`extra_data.api_key_comfy_org`); `targets`
        are the output nodes to run, where not all; `front=True` or `number` (lower runs earlier) place the
        job in the queue. Any other keyword names an input (`steps=5`); `prompt=` and `negative=` are the
        texts that reach the sampler. Pictures, arrays, bytes and paths among the inputs are uploaded first.
        What the server would refuse is refused before anything is sent, every problem at once, unless
        `validate=False`. Raises `InvalidWorkflow`, `InsufficientCredits`, `SubscriptionInactive`,
        `RateLimited`, `UploadRejected`, `AuthenticationError` or `ConnectionFailed`.
        """
        return Job(await submitting.submit(self.connection, workflow, **options), self.plain)

    @on_io
    async def job(self, job_id: str) -> Job:
        """Attach to any job of the server by its id, running or ended. Raises `JobNotFound`."""
        return Job(await submitting.attach(self.connection, job_id), self.plain)

    @shows_options(SubmitOptions, more="keywords", **DEFAULTS)
    async def run(
        self, /, workflow: Any = None, *, timeout: float | None = None, cancel: bool = False, **options: Any
    ) -> Result:
        """Submit, wait, and return the result; the options are those of `submit`.

        Raises `JobTimeout` after `timeout` seconds; the job then continues, unless `cancel=True`.
        """
        job = await self.submit(workflow, **options)
        return await job._awaited(timeout, cancel)

    @on_io
    @shows_options(SubmitOptions, more="keywords", **DEFAULTS, previews=False)
    async def sweep(
        self,
        /,
        workflow: Any,
        values: Mapping[str, Iterable[Any]],
        *,
        window: int = 8,
        timeout: float | None = None,
        **options: Any,
    ) -> Sweep:
        """Run a workflow once for every combination of values; the arguments are those of `comfy.sweep`."""
        from .jobs.planned import feed
        from .jobs.sweep import plan

        seed, inputs = options.pop("seed", None), submitting.take_inputs(options)
        found = plan(workflow, values, self.submit, await self.nodes, seed=seed, inputs=inputs)
        await feed(found.runs, window=window, timeout=timeout, **options)
        return found

    @on_io
    async def cancel(self, job_id: str) -> bool:
        """End exactly this job, pending or running; False when it had already ended. Raises `JobNotFound`."""
        return await submitting.cancel(self.connection, job_id)

    @on_io
    async def interrupt(self, *, force: bool = False) -> list[str]:
        """Interrupt what runs on the server; returns the ids of the jobs hit. `cancel` ends one job.

        Raises `ComfyError` when that would end jobs this client did not submit, unless `force=True`.
        """
        return await submitting.interrupt(self.connection, force=force)

    @on_io
    async def queue(self) -> QueueInfo:
        """What runs and what waits, in the order it will run."""
        return await self.connection.dialect.queue(self.connection.http)

    @on_io
    async def clear_queue(self) -> int:
        """Delete every job that waits (those that run go on); returns how many there were."""
        return await submitting.clear_queue(self.connection)

    @on_io
    async def jobs(
        self,
        *,
        status: str | Sequence[str] | None = None,
        limit: int = 20,
        offset: int = 0,
        sort: str = "created",
        descending: bool = True,
    ) -> JobPage:
        """A page of the server's jobs, newest first; `sort` is "created" or "seconds"."""
        wanted = status if status is None or isinstance(status, str) else ",".join(map(str, status))
        http, ask = self.connection.http, self.connection.dialect.jobs
        page = await ask(http, status=wanted, limit=limit, offset=offset, sort=sort, descending=descending)
        for record in reversed(page.jobs):
            self.connection.live.remember(record.id)
        return page

    @on_io
    async def delete_history(self, job_ids: str | Sequence[str]) -> None:
        """Have the server forget these ended jobs."""
        ids = [job_ids] if isinstance(job_ids, str) else list(job_ids)
        await self.connection.dialect.delete_history(self.connection.http, ids)

    # -- files ----------------------------------------------------------------------------------------

    @on_io
    async def upload(
        self,
        value: Any,
        name: str | None = None,
        *,
        subfolder: str = "",
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> FileRef:
        """Upload a file; the reference's `.name` is what an input that takes files is set to.

        `value` is a path, a URL, bytes (with `name`), a file object, a PIL image or an array (see
        `images.from_array`). The same content is not sent twice. `progress(sent, total)` is called on
        the background loop. Raises `UploadRejected`.
        """
        return await self.connection.uploads.upload(
            value, name, subfolder=subfolder, overwrite=overwrite, progress=progress
        )

    @on_io
    async def upload_mask(self, mask: Any, original: Any, *, name: str | None = None) -> FileRef:
        """Upload a mask for a picture: white (True, 1.0, 255) is the area to repaint.

        `mask` has the picture's size; `original` is what `upload` returned, or anything it takes. The
        `.name` of the returned reference goes into LoadImage. Raises `UploadRejected`.
        """
        return await self.connection.uploads.upload_mask(mask, original, name)

    @on_io
    async def download(
        self,
        filename: str,
        *,
        subfolder: str = "",
        type: str = "output",
        channel: str | None = None,
        preview: str | None = None,
    ) -> bytes:
        """The bytes of a file; `channel` ("rgb", "a") and `preview` ("webp;90") ask for variants."""
        fetch = self.connection.downloads.fetch
        return (await fetch(filename, subfolder, type, channel=channel, preview=preview))[0]

    # -- the server -------------------------------------------------------------------------------------

    @property
    def nodes(self) -> LazyAwaitable[NodeCatalog]:
        """The node classes the server has, by class_type."""
        return LazyAwaitable(self.connection.nodes.get)

    @on_io
    async def refresh_nodes(self) -> NodeCatalog:
        """Fetch the node classes again: after a model was added or a server restarted."""
        return await self.connection.nodes.get(refresh=True)

    @on_io
    async def models(self, folder: str | None = None) -> list[str]:
        """The names of the models in a folder such as "checkpoints"; without one, the folders there are."""
        http = self.connection.http
        return await (servers.model_folders(http) if folder is None else servers.models_in(http, folder))

    @on_io
    async def workflows(self) -> list[str]:
        """The names of the workflows that the editor saved on the server."""
        return await servers.workflow_names(self.connection.http)

    @on_io
    async def workflow(self, name: str) -> Workflow:
        """A workflow that the editor saved on the server. Raises `WorkflowNotFound`."""
        document = await servers.saved_workflow(self.connection.http, name)
        return Workflow.load(document, nodes=await self.nodes)

    @on_io
    async def save_workflow(self, workflow: Any, name: str, *, overwrite: bool = False) -> None:
        """Save a workflow where the editor lists it: its editor document, else the graph in the API's format.

        Raises `ComfyError` when there is one of that name, unless `overwrite=True`.
        """
        wf = workflow if isinstance(workflow, Workflow) else Workflow.load(workflow)
        document = wf.extra_pnginfo.get("workflow") or wf.to_api()
        await servers.save_workflow(self.connection.http, document, name, overwrite=overwrite)

    @on_io
    async def free(self, *, unload_models: bool = True, free_memory: bool = True) -> None:
        """Have the server unload its models and drop the results it has cached."""
        await servers.free(self.connection.http, unload_models=unload_models, free_memory=free_memory)

    @on_io
    async def logs(self, lines: int = 100) -> str:
        """The last lines of the server's own log, secrets masked."""
        return await servers.logs(self.connection.http, lines)

    @on_io
    async def features(self) -> dict[str, Any]:
        """The server's feature flags."""
        return await servers.features(self.connection.http)

    @on_io
    async def system_stats(self) -> dict[str, Any]:
        """The server's versions, devices and memory, as it gives them."""
        return await servers.system_stats(self.connection.http)

    @on_io
    async def user(self) -> str | None:
        """The account's status ("active"), where the server has accounts."""
        return await self.connection.dialect.user(self.connection.http)

    @on_io
    async def info(self) -> ServerInfo:
        """Which server this is, as whom we are there, and what is queued; asked now."""
        return await servers.describe(self.connection)

    @on_io
    async def close(self) -> None:
        """Close the connection; jobs go on. The embedded server is left running for other clients."""
        await self.connection.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Client(_Described):
    """One server, with blocking calls: `comfy.connect(…)` makes one."""

    def __init__(self, client: AsyncClient) -> None:
        self._async = client
        self.connection = client.connection

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
    workflows = plain(AsyncClient.workflows)
    workflow = plain(AsyncClient.workflow)
    save_workflow = plain(AsyncClient.save_workflow)
    free = plain(AsyncClient.free)
    logs = plain(AsyncClient.logs)
    features = plain(AsyncClient.features)
    system_stats = plain(AsyncClient.system_stats)
    user = plain(AsyncClient.user)
    info = plain(AsyncClient.info)
    close = plain(AsyncClient.close)
    nodes: PlainProperty[NodeCatalog] = PlainProperty(AsyncClient.nodes)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        card: dict[str, Any] = view("client_card")(self)
        return card
