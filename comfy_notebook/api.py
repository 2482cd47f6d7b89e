"""The session: the connected client, and the module-level `connect`, `run`, `submit`, `sweep`, `job`.

The first use connects, as `connect()` without arguments does; `client=` uses another client for one
call. Only the session keeps anything between calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .client.connecting import ConnectOptions, open_connection, warn_unverified
from .clients import AsyncClient, Client
from .config import Settings, settings
from .errors import NotConnected
from .jobs.interrupt import cancel_on_interrupt
from .jobs.job import Job
from .jobs.submit import DEFAULTS, SubmitOptions, take_inputs
from .signatures import shows_options
from .sync import IO
from .text import printable

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .display.forms.form import Form
    from .jobs.planned import Planned
    from .jobs.result import Result
    from .jobs.sweep import Sweep
    from .workflow.workflow import Workflow


class Session:
    """The default client of this Python process, and its settings."""

    def __init__(self) -> None:
        self.settings: Settings = settings
        self.client: Client | None = None
        self.last_job: str | None = None

    def close(self) -> None:
        """Close the client; jobs continue."""
        client, self.client = self.client, None
        if client is not None:
            client.close()


session = Session()
"""What the module-level functions share; one for each process."""


@shows_options(ConnectOptions, verify=True)
def connect(
    target: str | None = None,
    *,
    default: bool = True,
    quiet: bool = False,
    **options: Unpack[ConnectOptions],
) -> Client:
    """Connect to a server and make that client the default.

    `target` is "cloud", "local", "embedded" or an http(s) URL, whose path is kept (a hub's proxy).
    Without one, the first that holds is taken: `COMFY_BASE_URL` is set; an API key is found; a
    ComfyUI answers on 127.0.0.1:8188; else the embedded server. One printed line says which and why
    (`quiet=True` prints nothing; `.reason` has it).

    `headers`, `cookies` and `auth=(user, password)` go to that server's origin only. `verify` is a
    CA file, or False, which warns. `dialect` ("cloud", "comfyui") skips the probing of a URL. With
    `default=False` the client is for this use only. Raises `ConnectionFailed` or `AuthenticationError`.
    """
    warn_unverified(options.get("verify", True))
    client = AsyncClient(IO.run(open_connection(target, **options))).plain
    if default:
        session.client = client
    if not quiet:
        print(f"Connected to {describe(client)}: {client.reason}.")
    return client


def describe(client: Client) -> str:
    """A client's server in words: its name and address."""
    names = {"cloud": "Comfy Cloud", "local": "the local ComfyUI", "embedded": "the embedded server"}
    name = names.get(client.target)
    return f"{name} ({client.url})" if name else client.url


def client() -> Client:
    """The connected client, connecting on first use; an embedded server that has died is started again."""
    found = current()
    if found is not None and found.server is not None and not found.server.alive:
        return connect("embedded")
    return found or connect()


def current() -> Client | None:
    """The connected client, or None; never connects."""
    found = session.client
    return None if found is None or found.closed else found


@shows_options(SubmitOptions, more="keywords", **DEFAULTS)
def submit(workflow: Any = None, *, client: Client | None = None, **options: Any) -> Job:
    """Submit a workflow and return its `Job` at once; `display(job)` is a live view.

    The options are those of `Client.submit`; `workflow` is a `Workflow` or anything it loads. Without one,
    `prompt=` runs the default text-to-image workflow. Any other keyword sets the input of that name.
    """
    handed: list[Job] = []
    with cancel_on_interrupt(handed, wait=0):
        return _submit(handed, client, workflow, options)


def _submit(handed: list[Job], client: Client | None, workflow: Any, options: dict[str, Any]) -> Job:
    """Submit. An interrupt may come at any moment, so the job is put into `handed` by the background loop."""
    using = _client(client)._async
    job = IO.run(using.submit(workflow, **options), tick=using.connection.meter.paint, handed=handed.append)
    session.last_job = job.id
    return job


@shows_options(SubmitOptions, more="keywords", **DEFAULTS)
def run(
    workflow: Any = None,
    *,
    timeout: float | None = None,
    client: Client | None = None,
    quiet: bool = False,
    cancel: bool = False,
    **options: Any,
) -> Result:
    """Run a workflow and return its `Result`, shown live in a notebook.

    The options are those of `Client.submit`. Any other keyword sets the input of that name, as in
    `run(wf, steps=5, prompt="a boat", negative="blurry")`, where `prompt` and `negative` are the texts that
    reach the sampler. Without a workflow, `prompt=` runs the default text-to-image workflow with a
    checkpoint that the server has; a printed line names it.

    Interrupting the cell cancels this job on the server. `timeout` is in seconds (`JobTimeout`; the job
    continues, unless `cancel=True`). Raises what `submit` raises, and `JobFailed`, `JobCancelled`,
    `JobLost`, `DownloadFailed` or `ConnectionFailed`.
    """
    from .display.live.watch import watch

    previews = options.get("previews")
    limit = settings.timeout if timeout is None else timeout
    handed: list[Job] = []
    with cancel_on_interrupt(handed):
        job = _submit(handed, client, workflow, options)
        if workflow is None and job.workflow is not None and not quiet:
            print(default_line(job.workflow))
        return watch(
            job,
            previews=settings.previews if previews is None else previews,
            timeout=limit,
            cancel=cancel,
            quiet=quiet,
        )


def default_line(workflow: Workflow) -> str:
    """The line that names the checkpoint which the default workflow runs with."""
    checkpoint = printable(workflow.get("CheckpointLoaderSimple.ckpt_name"))
    return f"Running the default text-to-image workflow with the checkpoint {checkpoint}."


@shows_options(SubmitOptions, more="keywords", **DEFAULTS, previews=False)
def sweep(
    workflow: Any,
    values: Mapping[str, Iterable[Any]],
    *,
    client: Client | None = None,
    window: int = 8,
    timeout: float | None = None,
    quiet: bool = False,
    **options: Any,
) -> Sweep:
    """Run a workflow once for every combination of values, and return the results as a `Sweep`.

    `values` maps `NODE.INPUT`, or a name such as `steps` or `prompt`, to the values it takes; `"seed"` alone
    means every seed of the workflow. Combinations are in the order of nested loops, the first input slowest.
    `seed`, `inputs` and keywords that name an input are set for all; the other options are those of
    `Client.submit`. At most `window` jobs are
    submitted and not ended at any time; `timeout` is in seconds, for each job. Raises `UnknownNode` or
    `UnknownInput` for a wrong address before anything is sent, and `ConnectionFailed`,
    `AuthenticationError` and the like when the server takes no job at all.
    """
    from .jobs.sweep import plan

    client = _client(client)
    seed, inputs = options.pop("seed", None), take_inputs(options)
    found = plan(workflow, values, client._async.submit, client.nodes, seed=seed, inputs=inputs)
    run_planned(found.runs, labels=found.labels, quiet=quiet, window=window, timeout=timeout, **options)
    return found


def run_planned(
    runs: Sequence[Planned],
    *,
    labels: Sequence[str] = (),
    quiet: bool = False,
    window: int = 8,
    timeout: float | None = None,
    **options: Unpack[SubmitOptions],
) -> None:
    """Submit planned runs, at most `window` at a time, drawn as one list; returns when all have ended.

    An interrupt cancels those that have not ended, and is raised again.
    """
    from .display import watch_many
    from .jobs.planned import feed

    with cancel_on_interrupt(runs), IO.alongside(feed(runs, window=window, timeout=timeout, **options)):
        watch_many(runs, labels=labels, quiet=quiet)


def job(job_id: str | None = None, *, client: Client | None = None) -> Job:
    """Attach to any job by its id, from any kernel; without one, to the last job submitted here.

    Raises `JobNotFound` when the server has no job with that id.
    """
    wanted = job_id or session.last_job
    if wanted is None:
        raise NotConnected(
            "No job was submitted in this session.", hint="Give its id: client.jobs() lists them."
        )
    return _client(client).job(wanted)


def form(
    workflow: Any,
    inputs: Sequence[str] | None = None,
    client: Client | None = None,
    *,
    presets: str | Path | None = None,
) -> Form:
    """A form for a workflow (or anything `Workflow.load` takes): widgets for its inputs, Run and Cancel.

    `inputs` chooses and orders them (`NODE.INPUT`, or a node for all of its own); without it every
    input is there, those that people change most first. `presets` is a file to read presets from.
    """
    from . import display

    made: Form = display.form(
        workflow,
        inputs,
        client=lambda: _client(client),
        submit=lambda ready: submit(ready, client=client),
        presets=presets,
    )
    return made


def interact(
    workflow: Any, inputs: Mapping[str, Any] | None = None, /, *, client: Client | None = None, **knobs: Any
) -> Form:
    """A form of the named inputs that runs at every change.

    Names are `NODE.INPUT` (in `inputs`), or keywords `INPUT` and `NODE__INPUT`. Values are
    `(low, high)`, `(low, high, step)`, a list of choices, or a value. A name that several nodes have
    is refused with the list of them.
    """
    from . import display

    made: Form = display.interact(
        workflow,
        {**(inputs or {}), **knobs},
        client=lambda: _client(client),
        submit=lambda ready: submit(ready, client=client),
    )
    return made


def _client(given: Client | None) -> Client:
    return given if given is not None else client()
