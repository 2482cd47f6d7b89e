"""Submitting a workflow, attaching to a job, and cancelling one; all on the background loop.

A submission sets the inputs of a copy, checks it, uploads its files, sends it once and follows the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeGuard

from ..client.dialect import Request
from ..client.http import ResponseLost
from ..client.records import FileRef, JobRecord, Submission
from ..config import settings
from ..errors import (
    ComfyError,
    ConnectionFailed,
    InvalidWorkflow,
    JobNotFound,
    Problem,
    ServerError,
    UnknownInput,
    UnknownNode,
    UploadRejected,
    WorkflowNotFound,
)
from ..sync import within
from ..text import clip, closest, did_you_mean, register
from ..web import is_url
from .follow.follower import Follower

if TYPE_CHECKING:
    from ..client.connection import Connection
    from ..workflow.workflow import Workflow

_CALLERS_OPTIONS = ("timeout", "client", "quiet", "cancel", "window")
_FIRST_STATUS = 6.0
_SETTLING = 2.0


class SubmitOptions(TypedDict, total=False):
    """The options of every call that submits: `submit`, `run` and `sweep`, of the module and of clients.

    `seed` sets every seed input (a number, or "random"), and `inputs` maps `NODE.INPUT` to values; both
    are set on a copy of the workflow. `partner_key` is the API key for partner nodes
    (`extra_data.api_key_comfy_org`). `targets` are the output nodes to run, where not all. `previews=False`
    asks for no preview pictures; None means as the settings say. `validate=False` sends what this package
    would refuse. `front=True` puts the job before those that wait, and `number` gives its place (lower
    runs earlier); servers without priorities ignore both.
    """

    seed: int | str | None
    inputs: Mapping[str, Any] | None
    partner_key: str | None
    targets: Sequence[Any] | None
    previews: bool | None
    validate: bool
    front: bool
    number: float | None


DEFAULTS: dict[str, Any] = {"validate": True, "front": False}
"""The defaults of `SubmitOptions` that are not None."""


def take_inputs(options: dict[str, Any]) -> dict[str, Any]:
    """Take out of the options the inputs to set: `inputs=`, and every keyword that is not an option."""
    inputs = dict(options.pop("inputs", None) or {})
    for name in [name for name in options if name not in SubmitOptions.__annotations__]:
        inputs[name] = options.pop(name)
    return inputs


async def submit(connection: Connection, workflow: Any, **options: Any) -> Follower:
    """Submit with `SubmitOptions`, and return the follower of the job, which has started.

    Any other keyword is the name of an input and its value.
    """
    inputs = take_inputs(options)
    previews = options.get("previews")
    previews = settings.previews if previews is None else previews
    prepared = await prepare(connection, workflow, seed=options.get("seed"), inputs=inputs)
    refs = options.get("targets")
    targets = None if refs is None else [_target(prepared, ref) for ref in refs]
    waiting = list(prepared.pending_uploads())
    if waiting:
        await _check_uploads(connection, prepared, waiting)
    waiting += await _named_files(connection, prepared)
    if options.get("validate", True):
        await _check(connection, prepared, targets)
    if waiting:
        prepared = prepared.with_values(await _upload(connection, waiting))
    graph = prepared.to_api()
    request = Request(
        graph,
        connection.client_id,
        extra_data=_extra_data(prepared, options.get("partner_key")),
        targets=targets,
        prompt_id=str(uuid.uuid4()) if connection.dialect.takes_prompt_id else None,
        preview_method=settings.preview_method if previews else "none",
        front=options.get("front", False),
        number=options.get("number"),
    )
    await connection.live.ready(_FIRST_STATUS)
    with connection.live.submitting():
        try:
            sent = await _send(connection, request)
        except InvalidWorkflow as refused:
            renewed = await _send_lost_files(connection, refused, graph)
            if not renewed:
                raise
            prepared = prepared.with_values(renewed)
            graph = prepared.to_api()
            sent = await _send(connection, replace(request, graph=graph))
        follower = Follower(
            connection, sent.job_id, graph=graph, workflow=prepared, problems=sent.problems, previews=previews
        )
        connection.live.follow(follower)
        return follower


def _extra_data(wf: Workflow, partner_key: str | None) -> dict[str, Any]:
    """What goes along with the graph: the editor's document for the saved files, and the partner key."""
    extra: dict[str, Any] = {}
    if pnginfo := wf.extra_pnginfo:  # computed on each access
        extra["extra_pnginfo"] = pnginfo
    if partner_key:
        register(partner_key)
        extra["api_key_comfy_org"] = partner_key
    return extra


async def attach(connection: Connection, job_id: str) -> Follower:
    """The follower of any job of the server, whoever submitted it. Raises `JobNotFound`."""
    known = connection.live.find(job_id)
    if isinstance(known, Follower):
        return known
    await connection.live.ready(_FIRST_STATUS)
    record = await require_record(connection, job_id)
    workflow = None
    if record.workflow is not None:
        from ..workflow.workflow import Workflow

        workflow = Workflow(record.workflow, nodes=connection.nodes.catalog)
    follower = Follower(connection, job_id, graph=record.workflow or {}, workflow=workflow)
    follower.attached(record)
    connection.live.follow(follower)
    if record.status.is_final:
        # A job that ended long ago must not be shown as pending while its outputs are downloaded.
        await follower.settled(_SETTLING)
    return follower


async def require_record(connection: Connection, job_id: str) -> JobRecord:
    """The job's record. Raises `JobNotFound`."""
    record = await connection.dialect.record(connection.http, job_id)
    if record is None:
        raise JobNotFound(
            f"{connection.url} does not know the job {job_id!r}.",
            hint="%comfy jobs, or client.jobs(), lists the jobs it knows. "
            "A ComfyUI forgets its history when it restarts.",
        )
    return record


async def cancel(connection: Connection, job_id: str) -> bool:
    """End exactly this job; False when it had already ended. Raises `JobNotFound`."""
    follower = connection.live.find(job_id)
    if follower is not None:
        return await follower.cancel()
    # A queue accepts the deletion of any id, so a mistyped one is found by asking for the record.
    record = await require_record(connection, job_id)
    return not record.status.is_final and await connection.dialect.cancel(connection.http, job_id)


async def interrupt(connection: Connection, *, force: bool) -> list[str]:
    """Interrupt what runs on the server; returns the ids of the jobs hit.

    Raises `ComfyError` when that would end jobs that this client did not submit, unless `force`.
    """
    running = [job.id for job in (await connection.dialect.queue(connection.http)).running]
    foreign = [job_id for job_id in running if job_id not in connection.live]
    if foreign and not force:
        raise ComfyError(
            f"This would also interrupt {len(foreign)} running job{'s' if len(foreign) > 1 else ''} "
            f"not submitted from here: {', '.join(foreign[:5])}.",
            hint="client.cancel(job_id) ends one job; client.interrupt(force=True) ends them all.",
        )
    if running:
        await connection.dialect.interrupt(connection.http)
    connection.live.poll_soon()
    return running


async def clear_queue(connection: Connection) -> int:
    """Delete every waiting job; returns how many there were."""
    waiting = len((await connection.dialect.queue(connection.http)).pending)
    await connection.dialect.clear(connection.http)
    connection.live.poll_soon()
    return waiting


async def prepare(
    connection: Connection, workflow: Any, *, seed: int | str | None, inputs: Mapping[str, Any] | None
) -> Workflow:
    """A copy of the workflow, converted, with `inputs` and `seed` set.

    Without a workflow, but with a `prompt` among the inputs, it is the server's default workflow.
    """
    wf = await _loaded(connection, workflow, inputs or {})
    if not wf.is_converted:
        wf.resolve(await connection.nodes.get())
    elif wf.catalog is None and wf.editor is not None:
        # The node definitions are needed to write values back into the editor's document.
        with contextlib.suppress(ServerError):
            wf.resolve(await connection.nodes.get())
    for name in inputs or {}:
        try:
            wf.places(name)
        except UnknownInput as error:
            option = closest(name, [*SubmitOptions.__annotations__, *_CALLERS_OPTIONS], 1)
            raise error.with_hint(f"There is also the option {option[0]}=." if option else "") from None
    wf.update(inputs or {})
    if seed is not None:
        wf.set_seed(seed)
    return wf


async def _loaded(connection: Connection, workflow: Any, inputs: Mapping[str, Any]) -> Workflow:
    from ..workflow.default import default_workflow
    from ..workflow.keywords import reads_like_a_prompt
    from ..workflow.workflow import Workflow

    if isinstance(workflow, Workflow):
        return workflow.copy()
    if workflow is None:
        if "prompt" not in inputs:
            raise ComfyError(
                "There is no workflow to run.",
                hint='Give a file or a Workflow; comfy.run(prompt="a boat") runs the default workflow.',
            )
        return default_workflow(await connection.nodes.get())
    try:
        return Workflow.load(workflow)
    except WorkflowNotFound as error:
        if isinstance(workflow, str) and reads_like_a_prompt(workflow):
            raise error.with_hint(f"To run a prompt: comfy.run(prompt={clip(workflow, 60)!r})") from None
        raise


async def _check(connection: Connection, wf: Workflow, targets: list[str] | None) -> None:
    """Raise `InvalidWorkflow` with every problem at once.

    Cached node definitions may be out of date, so they are fetched again before a workflow is refused.
    Without definitions the check is left to the server.
    """
    wrong: list[Problem] = []
    for refresh in (False, True):
        try:
            nodes = await connection.nodes.get(refresh=refresh)
        except ServerError:
            return
        found = wf.validate(nodes, targets=targets)
        wrong = [problem for problem in found if problem.severity == "error"]
        if not wrong:
            return
    raise InvalidWorkflow(
        f"The workflow has {len(wrong)} problem{'s' if len(wrong) > 1 else ''} and was not sent.",
        problems=wrong,
        hint="validate=False, or --no-validate, sends it anyway.",
    )


async def _named_files(connection: Connection, wf: Workflow) -> list[tuple[str, str, str]]:
    """The files given by URL, and those set by the name of a local file that the server does not list.

    A name that came with the workflow is never read from here: it may be anyone's.
    """
    values = (value for node in wf.graph.values() for value in node.get("inputs", {}).values())
    texts = {value for value in values if _names_file(value)}
    if not texts:
        return []
    try:
        catalog = await connection.nodes.get()
    except ServerError:
        return []
    return [
        (node_id, name, text)
        for node_id, name, text, set_here in wf.named_files(catalog)
        if text in texts and (is_url(text) or set_here)
    ]


def _names_file(text: object) -> TypeGuard[str]:
    if not isinstance(text, str) or not text:
        return False
    try:
        return is_url(text) or (len(text) < 1000 and Path(text).expanduser().is_file())
    except (OSError, ValueError, RuntimeError):
        return False


async def _check_uploads(connection: Connection, wf: Workflow, waiting: list[tuple[str, str, Any]]) -> None:
    """Refuse a file for an input that takes none, before anything is uploaded."""
    catalog = await connection.nodes.get()
    for node_id, name, value in waiting:
        class_type = wf.graph[node_id].get("class_type", "")
        info = catalog.get(class_type)
        spec = info.spec_of(name, wf.node(node_id).inputs) if info is not None else None
        if not isinstance(value, FileRef) and info is not None and (spec is None or not spec.upload):
            takers = [key for key, other in info.inputs.items() if other.upload]
            given = type(value).__name__
            article = "an" if given[0].lower() in "aeiou" else "a"
            raise UploadRejected(
                f"{wf.node(node_id).label}, {name}: takes no files, and was given {article} {given}.",
                hint=f"Its input {takers[0]!r} does." if takers else "Load it with a node such as LoadImage.",
            )


async def _upload(
    connection: Connection, waiting: list[tuple[str, str, Any]]
) -> dict[str | tuple[str, str], Any]:
    """Upload the values; returns the names the server gave them, by node id and input."""
    refs = [
        value if isinstance(value, FileRef) else await connection.uploads.upload(value)
        for _, _, value in waiting
    ]
    return {(node_id, name): ref.value for (node_id, name, _), ref in zip(waiting, refs, strict=True)}


async def _send_lost_files(
    connection: Connection, refused: InvalidWorkflow, graph: Mapping[str, Any]
) -> dict[str | tuple[str, str], Any]:
    """The files a refusal misses that this client has sent before, sent once more; by node and input.

    A server loses its files when it is restarted in a new container or its input folder is cleaned.
    """
    renewed: dict[str | tuple[str, str], Any] = {}
    for problem in refused.problems:
        node_id, name = problem.node_id, problem.input_name
        if problem.kind == "custom_validation_failed" and node_id is not None and name is not None:
            text = graph.get(node_id, {}).get("inputs", {}).get(name)
            ref = await connection.uploads.send_again(text) if isinstance(text, str) else None
            if ref is not None:
                renewed[node_id, name] = ref.value
    return renewed


def _target(wf: Workflow, ref: Any) -> str:
    try:
        return wf[ref].id
    except UnknownNode as error:
        names = [node.title for node in wf.outputs()]
        raise UnknownNode(f"The target {ref!r} is not a node of the workflow.",
                          hint=error.hint or did_you_mean(str(ref), names)) from None  # fmt: skip


async def _send(connection: Connection, request: Request) -> Submission:
    """POST the submission. When this coroutine is cancelled meanwhile, the job is cancelled too."""
    post = asyncio.ensure_future(connection.dialect.submit(connection.http, request))
    try:
        return await asyncio.shield(post)
    except asyncio.CancelledError:
        await _withdraw(connection, post, request.prompt_id)
        raise
    except ResponseLost as error:
        if (found := await _find_sent(connection, request, late=error.late)) is not None:
            return found
        raise ConnectionFailed(
            f"{error.message} The workflow may or may not have been accepted.",
            hint="client.jobs(limit=5) shows the newest jobs; comfy.job(id) attaches to one.",
        ) from None


async def _find_sent(connection: Connection, request: Request, *, late: bool) -> Submission | None:
    """The submission whose answer was lost, by the id it was sent with; sent again where that is safe.

    ComfyUI would run a repeated submission twice: it is repeated only when the connection broke and the
    server says that it has no such job. When the server may still be working on it (`late`), it is looked
    for a few times and never repeated.
    """
    if request.prompt_id is None:
        return None
    absent = False
    for pause in (0.0, 0.5, 1.5) if late else (0.0,):
        await asyncio.sleep(pause)
        with contextlib.suppress(ConnectionFailed, ServerError):
            if await connection.dialect.record(connection.http, request.prompt_id) is not None:
                return Submission(request.prompt_id)
            absent = True
    if absent and not late:
        with contextlib.suppress(ConnectionFailed, ServerError):
            return await connection.dialect.submit(connection.http, request)
    return None


async def _withdraw(connection: Connection, post: asyncio.Future[Submission], job_id: str | None) -> None:
    """Cancel the job of a submission whose caller was cancelled before the answer came."""
    with contextlib.suppress(ComfyError):
        # The submission may have arrived without an answer; a job id that we chose is known anyway.
        with contextlib.suppress(ResponseLost, asyncio.TimeoutError):
            job_id = (await within(3, post)).job_id
        if job_id is not None:
            await connection.dialect.cancel(connection.http, job_id)
