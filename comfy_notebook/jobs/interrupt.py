"""What an interrupt (■, Ctrl-C, or the cancellation of a coroutine) does to the jobs that a call waits for.

Every call that waits uses the one context manager below: `run`, `submit`, `sweep`, `job.result()`,
`job.wait()`, `job.events()`, `await job` and the live views. Where these blocks nest, a job is cancelled once.

| the wait ends by                               | the job is cancelled on the server, unless            |
|------------------------------------------------|-------------------------------------------------------|
| KeyboardInterrupt (■ or Ctrl-C in a plain call) | `job.detach()` was called                             |
| asyncio.CancelledError (■ on `await job`, `asyncio.wait_for`, a cancelled task group) | `job.detach()` was called, or another call waits for it |
| any other exception, `break`                   | it is never cancelled                                 |
"""  # noqa: E501

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol

from ..protocol.status import JobStatus
from ..sync import TICK, render_as

_WAIT = 2.0


class Cancellable(Protocol):
    """A `Job`, or a run that is still to be submitted."""

    @property
    def status(self) -> JobStatus: ...

    @property
    def detached(self) -> bool:
        """Whether it continues when a call that waits for it is interrupted."""
        ...

    @property
    def shared(self) -> bool:
        """Whether more than one call waits for it."""
        ...

    def cancel_soon(self) -> None: ...


class cancel_on_interrupt:  # a context manager reads as a verb, as contextlib's do
    """Cancel these jobs on the server when an interrupt leaves the block, which then continues.

    `with` in plain code and `async with` in coroutines. `jobs` is read when the interrupt comes, so a list
    may be filled inside the block. The jobs get `wait` seconds to end; a second interrupt leaves at once.
    The cancellations continue in the background either way.
    """

    def __init__(self, jobs: Sequence[Cancellable], wait: float = _WAIT) -> None:
        self._jobs = jobs
        self._wait = wait

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, KeyboardInterrupt):
            return
        render_as(error, "KeyboardInterrupt")
        with suppress(KeyboardInterrupt):
            ending = _cancel([job for job in self._jobs if not job.detached])
            deadline = time.monotonic() + self._wait
            while _any_left(ending) and time.monotonic() < deadline:
                time.sleep(TICK / 4)

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, asyncio.CancelledError):
            return self.__exit__(kind, error, trace)
        ending = _cancel([job for job in self._jobs if not (job.detached or job.shared)])
        what = "the job was cancelled" if ending else "the job continues"
        render_as(error, f"CancelledError: waiting was interrupted; {what}.")
        deadline = time.monotonic() + self._wait
        while _any_left(ending) and time.monotonic() < deadline:  # noqa: ASYNC110  # from another loop
            await asyncio.sleep(TICK / 4)


def cancel_all(jobs: Sequence[Cancellable]) -> None:
    """Cancel every job that has not ended, without waiting."""
    _cancel(jobs)


def _cancel(jobs: Sequence[Cancellable]) -> list[Cancellable]:
    running = [job for job in jobs if not job.status.is_final]
    for job in running:
        job.cancel_soon()
    return running


def _any_left(jobs: Sequence[Cancellable]) -> bool:
    return any(not job.status.is_final for job in jobs)
