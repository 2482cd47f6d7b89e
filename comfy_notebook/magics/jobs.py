"""`%comfy jobs | job | queue | cancel | interrupt | download`: the jobs of a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, JobNotFound
from ..text import did_you_mean
from .call import Call
from .options import TARGET, Args, Command, Option, folder, whole
from .runs import save

if TYPE_CHECKING:
    from ..clients import Client

_ID_LENGTH = 36
_STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")


def jobs(call: Call, args: Args) -> Any:
    """The history, one page at a time; `.workflow` is the workflow last loaded from it."""
    from .. import display

    return display.jobs_panel(call.client(args.on), status=args.status, limit=args.limit)


def queue(call: Call, args: Args) -> Any:
    """The running and pending jobs, each with a Cancel button."""
    from .. import display

    return display.queue_panel(call.client(args.on))


def job(call: Call, args: Args) -> Any:
    """The job, drawn live while it runs."""
    return _attach(call, args)


def _attach(call: Call, args: Args) -> Any:
    from .. import api

    client = call.client(args.on)
    job_id = _whole_id(call, args.id, client)
    try:
        found = api.job(job_id, client=client)
    except JobNotFound as error:
        near = did_you_mean(job_id, call.notebook.job_ids)
        raise error.with_hint(near) from None
    return found


def _whole_id(call: Call, given: Any, client: Client) -> str:
    """The full job id of a Job, a Result, an id, or the start of a recent id."""
    text = str(getattr(given, "job_id", None) or getattr(given, "id", None) or given)
    if not 4 <= len(text) < _ID_LENGTH:
        return text
    begins = [job_id for job_id in call.notebook.job_ids if job_id.startswith(text)]
    begins = begins or [record.id for record in client.jobs(limit=100).jobs if record.id.startswith(text)]
    return begins[0] if len(begins) == 1 else text


def cancel(call: Call, args: Args) -> None:
    """Cancel exactly these jobs and print the outcome for each."""
    if bool(args.ids) == args.all:
        call.refuse("give the ids of jobs, or --all")
    client = call.client(args.on)
    if args.all:
        info = client.queue()
        ids = [queued.id for queued in [*info.pending, *info.running]]
        if not ids:
            call.say("No job is running or pending.")
    else:
        ids = [_whole_id(call, given, client) for given in args.ids]
    errors: list[ComfyError] = []
    for job_id in ids:
        try:
            if client.cancel(job_id):
                call.say(f"Cancelled {job_id}.")
            else:
                call.say(f"{job_id} had already ended.")
        except ComfyError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def interrupt(call: Call, args: Args) -> None:
    """Interrupt the running jobs, as the Interrupt button of the server's own page does."""
    hit = call.client(args.on).interrupt(force=args.force)
    call.say("\n".join(f"Interrupted {job_id}." for job_id in hit) or "No job is running.")


def download(call: Call, args: Args) -> list[Path]:
    """Save a finished job's files into a folder; returns their paths."""
    return save(call, _attach(call, args).result(), args.dir)


_JOB = Option("id", "the job's id, or the start of a recent one", "ID", count="one", completes="job")

COMMANDS = (
    Command(
        "jobs",
        "the server's jobs, newest first",
        jobs,
        (
            TARGET,
            Option("status", ", ".join(_STATUSES), "S", "--status", choices=_STATUSES),
            Option("limit", "jobs per page (8)", "N", "--limit", default=8, convert=whole),
        ),
    ),
    Command("job", "one job by its id: watch it, or see its outputs", job, (_JOB, TARGET)),
    Command("queue", "the running and the pending jobs", queue, (TARGET,)),
    Command(
        "cancel",
        "cancel jobs, pending or running",
        cancel,
        (
            Option("ids", "the jobs' ids", "ID", count="many", default=[], completes="job"),
            Option(
                "all",
                "all of your running and pending jobs",
                flag="--all",
                takes_value=False,
                default=False,
            ),
            TARGET,
        ),
    ),
    Command(
        "interrupt",
        "interrupt the running job",
        interrupt,
        (
            Option(
                "force",
                "also jobs that were not submitted from here",
                flag="--force",
                takes_value=False,
                default=False,
            ),
            TARGET,
        ),
    ),
    Command(
        "download",
        "save the outputs of a job",
        download,
        (
            _JOB,
            Option(
                "dir",
                "the folder (the current one)",
                "DIR",
                default=Path(),
                convert=folder,
                completes="folder",
            ),
            TARGET,
        ),
    ),
)
