"""What an interrupt of the kernel (■ or Ctrl-C) does to the jobs that a call waits for.

Every blocking call of the package uses the one context manager below: `run`, `submit`, `sweep`,
`job.result()`, `job.wait()` and the live views. Where these blocks nest, a job is cancelled once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from ..protocol.status import JobStatus
from ..sync import TICK

_WAIT = 2.0


class Cancellable(Protocol):
    """A `Job`, or a run that is still to be submitted."""

    @property
    def status(self) -> JobStatus: ...

    def cancel_soon(self) -> None: ...


@contextmanager
def cancel_on_interrupt(jobs: Sequence[Cancellable], wait: float = _WAIT) -> Iterator[None]:
    """Cancel these jobs on the server when an interrupt leaves the block, and raise it again.

    `jobs` is read when the interrupt comes, so a list may be filled inside the block. The jobs get
    `wait` seconds to end; a second interrupt leaves at once. The cancellations go on in the
    background either way.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        # A traceback into the waiting loop says nothing: IPython prints one line instead.
        interrupt._render_traceback_ = lambda: ["KeyboardInterrupt"]  # type: ignore[attr-defined]
        with suppress(KeyboardInterrupt):
            cancel_all(jobs)
            deadline = time.monotonic() + wait
            while not all(job.status.is_final for job in jobs) and time.monotonic() < deadline:
                time.sleep(TICK / 4)
        raise


def cancel_all(jobs: Sequence[Cancellable]) -> None:
    """Cancel every job that has not ended, without waiting."""
    for job in jobs:
        if not job.status.is_final:
            job.cancel_soon()
