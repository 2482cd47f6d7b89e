"""The view of a job that no cell waits for: `display(job)`, `%comfy run --no-wait`.

A task on the kernel's event loop paints it, between cells. While another cell blocks the kernel, the view
is not updated and Cancel does not arrive; the job continues. At the end the static bundle replaces the view,
as for a blocking run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ...errors import ComfyError
from ...protocol.status import JobStatus
from ...text import printable
from .._compat import kernel_loop
from ..frontend import detect
from ..options import options_of
from ..results.bundle import Bundle, ended_bundle, error_bundle, result_bundle
from ..results.shown import Shown, shown_result
from .slots import Slots

if TYPE_CHECKING:
    from ...jobs.job import Job
    from ...jobs.result import Result


def job_view(job: Job) -> None:
    """Display the job: live in a notebook, as it stands elsewhere. Returns at once."""
    frontend = detect()
    if job.state.status.is_final or not frontend.live or (loop := kernel_loop()) is None:
        _display_static(job, deterministic=frontend.deterministic)
        return
    from .view import job_view_of

    view, slots = job_view_of(job), Slots.of_job(job.id)
    view.paint(job.state)
    slots.live(view, job.id)
    run_on(loop, follow(job, view, slots, options_of(job).interval))


def run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
    """Start a task on the kernel's loop, from any thread."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        task = loop.create_task(coroutine)
        # The loop holds a task weakly; its callback keeps it until it is done.
        task.add_done_callback(_report)
    else:
        asyncio.run_coroutine_threadsafe(coroutine, loop)


async def follow(job: Job, view: Any, slots: Slots, interval: float = 0.1) -> None:
    """Paint the job until it ends, then leave its picture or error in the slots and close the view."""
    shown: Shown | None = None
    try:
        shown = shown_result(await painted(job, view, interval))
    except ComfyError as error:
        shown = Shown(_failed(job, error))
    finally:
        slots.show(shown or Shown(ended_bundle(job.state, job.id)))
        view.close()


async def painted(job: Job, view: Any, interval: float = 0.1) -> Result:
    """The job's result, the view painted until then; raises what `job.result()` raises."""
    waiting = asyncio.ensure_future(_result(job))
    try:
        while not waiting.done() and view.alive:
            view.paint(job.state, list(job.outputs))
            await asyncio.wait({waiting}, timeout=interval)
        return await waiting
    finally:
        waiting.cancel()


async def _result(job: Job) -> Result:
    return await job


def _failed(job: Job, error: ComfyError) -> Bundle:
    if job.state.status is JobStatus.failed:
        return error_bundle(error, job.state, job.id)
    return ended_bundle(job.state, job.id)


def _display_static(job: Job, *, deterministic: bool) -> None:
    from IPython.display import display

    if job.state.status is JobStatus.completed and not deterministic:
        display(result_bundle(job.result()), raw=True)
        return
    words = "Job(submitted)" if deterministic else f"Job({printable(job.id)}, {job.state.status.value})"
    display({"text/plain": words}, raw=True)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        import logging

        logging.getLogger(__name__).warning("a background view ended early: %s", error)
