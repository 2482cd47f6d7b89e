"""One background loop: plain calls wait for it, and an interrupt reaches the coroutine they wait for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from comfy_notebook import sync
from comfy_notebook.errors import ComfyError
from comfy_notebook.sync import IO, BackgroundLoop, jitter, within

posix = pytest.mark.skipif(os.name != "posix", reason="fork and signals as POSIX has them")


async def _name() -> str:
    return threading.current_thread().name


def test_a_plain_call_runs_on_the_background_thread() -> None:
    assert IO.run(_name()) == "comfy-io"


def test_what_is_raised_is_raised_here() -> None:
    async def fail() -> None:
        raise ComfyError("as it was")

    with pytest.raises(ComfyError, match="as it was"):
        IO.run(fail())


def test_from_any_loop() -> None:
    async def main() -> str:
        return await IO.bridge(_name())

    assert asyncio.run(main()) == "comfy-io"


def test_a_plain_call_on_the_loop_itself_says_so() -> None:
    async def nested() -> None:
        IO.run(_name())

    with pytest.raises(ComfyError, match="own thread"):
        IO.run(nested())


@posix
def test_an_interrupt_cancels_and_waits_for_the_cleanup() -> None:
    begun, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    def interrupt() -> None:
        begun.wait(5)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        IO.run(work())
    thread.join()
    assert cleaned.is_set()
    assert IO.run(_name()) == "comfy-io"


def test_cancelling_what_awaits_it_cancels_it() -> None:
    ended = threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(IO.bridge(work()), 0.05)

    asyncio.run(main())
    assert ended.wait(5)


def test_it_starts_again_after_it_was_stopped() -> None:
    loop = BackgroundLoop("comfy-io-test")
    assert loop.run(_name()) == "comfy-io-test"
    loop.stop()
    assert loop.run(_name()) == "comfy-io-test"
    loop.stop()


@posix
def test_a_forked_child_has_a_loop_of_its_own() -> None:
    code = """
import os
import queue
import random
from comfy_notebook.sync import IO
async def pid(): return os.getpid()
assert IO.run(pid()) == os.getpid()
child = os.fork()
if child == 0:
    os._exit(0 if IO.run(pid()) == os.getpid() else 1)
assert os.waitpid(child, 0)[1] == 0
assert IO.run(pid()) == os.getpid()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=30)


@posix
def test_what_comes_back_too_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer and the interrupt cross: a job that the caller never gets is cancelled."""
    told: list[str] = []

    class Job:
        def cancel_soon(self) -> None:
            told.append("cancelled")

    async def submit() -> Job:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return Job()  # it was accepted all the same
        raise AssertionError

    begun = threading.Event()

    def interrupt() -> None:
        begun.wait(5)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        IO.run(submit())
    thread.join()
    assert told == ["cancelled"]


def test_an_awaited_call_that_comes_back_too_late_is_told() -> None:
    """The same from a loop of one's own: what was cancelled as it ended is not lost without a word."""
    told = threading.Event()

    class Job:
        cancel_soon = told.set

    async def submit() -> Job:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return Job()

    async def main() -> None:
        waiting = asyncio.ensure_future(IO.bridge(submit()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert told.wait(5)


def test_a_cancellation_is_never_swallowed() -> None:
    """It comes as what is awaited ends: `asyncio.wait_for` took it for nothing until Python 3.12."""

    async def main() -> None:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(within(60, done))
        await asyncio.sleep(0)
        done.set_result(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(asyncio.TimeoutError):
            await within(0.01, asyncio.sleep(60))
        assert await within(60, asyncio.sleep(0, 7)) == 7

    asyncio.run(main())


@posix
def test_an_interrupt_before_anything_began() -> None:
    """Handed over and never started: nothing is waited for."""

    async def never() -> None:
        raise AssertionError

    def spawn(*_: Any) -> None:
        raise KeyboardInterrupt

    loop = BackgroundLoop("interrupted")
    loop.spawn = spawn  # type: ignore[method-assign]
    began = time.monotonic()
    coroutine = never()
    with pytest.raises(KeyboardInterrupt):
        loop.run(coroutine)
    assert time.monotonic() - began < 2
    coroutine.close()
    loop.stop()


@pytest.mark.parametrize("way", ["run", "alongside"])
def test_an_interrupt_that_takes_the_result_away_waits_for_nothing(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal can land after the result was taken from the queue and before it is returned."""

    class Interrupted(queue.SimpleQueue):  # type: ignore[type-arg]
        taken = False

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            found = super().get(block, timeout)
            if not self.taken:
                self.taken = True
                raise KeyboardInterrupt
            return found

    async def at_once() -> str:
        return "done"

    def alongside() -> None:
        with IO.alongside(at_once()):
            pass

    monkeypatch.setattr(sync.queue, "SimpleQueue", Interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        IO.run(at_once()) if way == "run" else alongside()
    assert time.monotonic() - began < sync.CLEANUP / 2


def test_a_timeout_leaves_no_task_behind() -> None:
    async def main() -> tuple[bool, int]:
        task = asyncio.ensure_future(asyncio.Event().wait())
        with pytest.raises(asyncio.TimeoutError):
            await within(0.01, task)
        await asyncio.wait({task}, timeout=1)
        return task.cancelled(), len(asyncio.all_tasks())

    assert asyncio.run(main()) == (True, 1)


def test_jitter_leaves_the_seed_of_a_notebook_alone() -> None:
    """A background poll between two cells must not change what a seeded notebook draws."""
    random.seed(7)
    state = random.getstate()
    drawn = [jitter(0.25) for _ in range(100)]
    assert random.getstate() == state
    assert all(0.75 <= factor <= 1.25 for factor in drawn)
    assert len(set(drawn)) > 1
