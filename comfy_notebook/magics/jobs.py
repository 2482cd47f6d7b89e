"""`%comfy jobs | job | queue | cancel | interrupt | download`: what the server is doing, and did."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ComfyError, JobNotFound
from ..text import did_you_mean
from .command import Call, Command
from .parser import Parser, folder, whole
from .runs import save

if TYPE_CHECKING:
    from ..clients import Client

_ID = 36
_STATUSES = ["pending", "in_progress", "completed", "failed", "cancelled"]


def commands() -> list[Command]:
    """The commands of this file."""
    return [
        Command("jobs", _jobs_parser(), jobs),
        Command("job", _one("job", "one job, by its id: watch it, or see what it made"), job),
        Command("queue", _plain("queue", "what runs and what waits"), queue),
        Command("cancel", _cancel_parser(), cancel),
        Command("interrupt", _interrupt_parser(), interrupt),
        Command("download", _download_parser(), download),
    ]


def _plain(name: str, about: str) -> Parser:
    parser = Parser(name, about)
    parser.option("--on", metavar="TARGET", help="on this server")
    return parser


def _one(name: str, about: str) -> Parser:
    parser = _plain(name, about)
    parser.option("id", metavar="ID", help="the job's id, or the beginning of a recent one")
    return parser


def _jobs_parser() -> Parser:
    parser = _plain("jobs", "the jobs of before, newest first")
    parser.option("--status", metavar="S", choices=_STATUSES, help=", ".join(_STATUSES))
    parser.option("--limit", metavar="N", convert=whole, default=8, help="how many a page (8)")
    return parser


def _cancel_parser() -> Parser:
    parser = _plain("cancel", "cancel jobs, waiting or running")
    parser.option("ids", metavar="ID", nargs="*", help="the jobs' ids")
    parser.option("--all", action="store_true", help="everything of yours that runs or waits")
    return parser


def _interrupt_parser() -> Parser:
    parser = _plain("interrupt", "stop what is running now")
    parser.option("--force", action="store_true", help="also what was not submitted from here")
    return parser


def _download_parser() -> Parser:
    parser = _one("download", "save what a job made")
    parser.option(
        "dir", metavar="DIR", nargs="?", default=".", convert=folder, help="the folder (the current one)"
    )
    return parser


def jobs(call: Call, args: argparse.Namespace) -> Any:
    """The history, a page at a time; `.workflow` is that of the job last loaded from it."""
    from .. import display

    return display.jobs_panel(call.client(args.on), status=args.status, limit=args.limit)


def queue(call: Call, args: argparse.Namespace) -> Any:
    """What runs and waits, with a Cancel for each."""
    from .. import display

    return display.queue_panel(call.client(args.on))


def job(call: Call, args: argparse.Namespace) -> Any:
    """The job, which shows itself live while it runs."""
    return _attach(call, args)


def _attach(call: Call, args: argparse.Namespace) -> Any:
    from .. import api

    client = call.client(args.on)
    job_id = _whole_id(call, args.id, client)
    try:
        found = api.job(job_id, client=client)
    except JobNotFound as error:
        near = did_you_mean(job_id, call.magics.job_ids)
        raise error.with_hint(near) from None
    return found


def _whole_id(call: Call, given: Any, client: Client) -> str:
    """The job id meant: a Job's, a Result's, or a text that may be the beginning of a recent one."""
    text = str(getattr(given, "job_id", None) or getattr(given, "id", None) or given)
    if not 4 <= len(text) < _ID:
        return text
    begins = [job_id for job_id in call.magics.job_ids if job_id.startswith(text)]
    begins = begins or [record.id for record in client.jobs(limit=100).jobs if record.id.startswith(text)]
    return begins[0] if len(begins) == 1 else text


def cancel(call: Call, args: argparse.Namespace) -> None:
    """Cancel exactly these jobs; each is named with what became of it."""
    if bool(args.ids) == args.all:
        call.refuse("name the jobs, or say --all")
    client = call.client(args.on)
    if args.all:
        info = client.queue()
        ids = [queued.id for queued in [*info.pending, *info.running]]
        if not ids:
            call.say("nothing is running or waiting")
    else:
        ids = [_whole_id(call, given, client) for given in args.ids]
    errors: list[ComfyError] = []
    for job_id in ids:
        try:
            if client.cancel(job_id):
                call.say(f"cancelled {job_id}")
            else:
                call.say(f"{job_id} had already ended")
        except ComfyError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def interrupt(call: Call, args: argparse.Namespace) -> None:
    """Stop what runs, as the server's own Interrupt button does."""
    hit = call.client(args.on).interrupt(force=args.force)
    call.say("\n".join(f"interrupted {job_id}" for job_id in hit) or "nothing is running")


def download(call: Call, args: argparse.Namespace) -> list[Path]:
    """Save a finished job's files into a folder; returns their paths."""
    return save(call, _attach(call, args).result(), args.dir)
