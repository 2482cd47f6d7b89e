"""Blocking calls onto the one background event loop.

All network I/O of the package runs on one daemon thread, `comfy-io`, with its own asyncio loop,
started when first needed. The calling thread waits on a `queue.SimpleQueue` in steps of at most
0.1 s: `queue.Queue`, `threading.Event` and `Future.result()` leak their Python-level lock when
`KeyboardInterrupt` lands between acquiring it and the `with` body, and waits on Windows cannot be
interrupted at all. An interrupt cancels the coroutine, waits for its cleanup for at most
`CLEANUP` seconds, and is raised again; a second one leaves at once.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import functools
import inspect
import os
import queue
import random
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from .errors import ComfyError, ConnectionFailed

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")

TICK = 0.1
CLEANUP = 5.0


class Closing(Protocol):
    """What is closed when the loop stops."""

    def close(self) -> Coroutine[Any, Any, None]: ...


class BackgroundLoop:
    """One daemon thread with one event loop; made again after a fork."""

    def __init__(self, name: str = "comfy-io") -> None:
        self._name = name
        self.clients: weakref.WeakSet[Closing] = weakref.WeakSet()
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.stop)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._unawaited: set[asyncio.Task[Any]] = set()
        self.clients.clear()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop, started on first use."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            loop = self._start()
        return loop

    def _start(self) -> asyncio.AbstractEventLoop:
        if sys.platform == "emscripten":
            raise ComfyError(
                "This Python runs inside the browser, where there are no threads and no sockets.",
                hint="Use a kernel that runs on a computer, not a JupyterLite one.",
            )
        with self._lock:
            if self._loop is not None and self._thread is not None and self._thread.is_alive():
                return self._loop
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=self._main, args=(loop,), name=self._name, daemon=True)
            # An empty context: code on this thread must not display into the cell that started it.
            contextvars.Context().run(thread.start)
            self._loop, self._thread = loop, thread
            return loop

    def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            if closing := [loop.create_task(client.close()) for client in self.clients]:
                loop.run_until_complete(asyncio.wait(closing, timeout=2))
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=2))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    @property
    def is_current(self) -> bool:
        """Whether the calling thread is the loop's own."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """Cancel what runs and end the thread, within a few seconds; the next use starts it again."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive() or self.is_current:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(3)
        self._loop = self._thread = None

    def post(self, call: Callable[..., Any], *args: Any) -> None:
        """Have the loop call this soon; from any thread, without waiting."""
        self.loop.call_soon_threadsafe(functools.partial(call, *args), context=contextvars.Context())

    def start_if_running(self, start: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Start a coroutine that nobody waits for, if the loop runs; takes no lock, as finalizers need."""

        def begin() -> None:
            task = asyncio.get_running_loop().create_task(start())
            self._unawaited.add(task)  # the loop keeps only a weak reference
            task.add_done_callback(self._unawaited.discard)

        loop = self._loop
        if loop is not None and loop.is_running():
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(begin)

    def spawn(
        self,
        running: _Running[T],
        coroutine: Coroutine[Any, Any, T],
        done: Callable[[asyncio.Task[T]], Any],
    ) -> None:
        """Run a coroutine on the loop; `done` is called there with the finished task."""

        def begin() -> None:
            if running.cancelled:
                coroutine.close()
                return
            running.task = asyncio.get_running_loop().create_task(coroutine)
            running.task.add_done_callback(ended)

        def ended(task: asyncio.Task[T]) -> None:
            if running.cancelled:
                running.abandon(task)
            done(task)

        self.post(begin)

    def run(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        cleanup: float = CLEANUP,
        tick: Callable[[], Any] | None = None,
        handed: Callable[[T], Any] | None = None,
    ) -> T:
        """Run a coroutine on the loop and wait for what it returns or raises.

        The waiting thread calls `tick` about ten times a second and once at the end. `handed` is called on
        the loop with what the coroutine returned: an interrupt can come between any two steps of the
        caller, which then never gets what this returns.
        """
        if self.is_current:
            coroutine.close()
            raise ComfyError(
                "A blocking call on the background loop's own thread would wait for itself.",
                hint="Inside coroutines and event callbacks use AsyncClient, or `await job`.",
            )
        box: queue.SimpleQueue[asyncio.Task[T] | None] = queue.SimpleQueue()
        running: _Running[T] = _Running(self)

        def done(task: asyncio.Task[T]) -> None:
            if handed is not None and not task.cancelled() and task.exception() is None:
                handed(task.result())
            box.put(task)

        try:
            self.spawn(running, coroutine, done)
            return _outcome(self._take(box, None, tick))
        except KeyboardInterrupt:
            running.discard(lambda: box.put(None))
            self._take(box, cleanup)
            raise

    @contextlib.contextmanager
    def alongside(self, coroutine: Coroutine[Any, Any, Any]) -> Iterator[None]:
        """Run a coroutine on the loop while the calling thread does what is in the `with` block.

        Leaving the block waits for the coroutine and raises what it raises. A block left by an
        exception (an interrupt, say) cancels it, and waits for its cleanup for at most `CLEANUP` seconds.
        """
        box: queue.SimpleQueue[asyncio.Task[Any] | None] = queue.SimpleQueue()
        running: _Running[Any] = _Running(self)
        try:
            self.spawn(running, coroutine, box.put)
            yield
            task = self._take(box, None)
        except BaseException:
            running.discard(lambda: box.put(None))
            self._take(box, CLEANUP)
            raise
        _outcome(task)

    def _take(
        self,
        box: queue.SimpleQueue[asyncio.Task[T] | None],
        timeout: float | None,
        tick: Callable[[], Any] | None = None,
    ) -> asyncio.Task[T] | None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                task = box.get(timeout=TICK)
                if tick is not None:
                    tick()
                return task
            except queue.Empty:
                if tick is not None:
                    tick()
                if deadline is not None and time.monotonic() >= deadline:
                    return None
                if self._thread is None or not self._thread.is_alive():
                    return None

    async def bridge(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and await it from any other loop."""
        if self.is_current:
            return await coroutine
        home = asyncio.get_running_loop()
        future: asyncio.Future[asyncio.Task[T]] = home.create_future()

        def done(task: asyncio.Task[T]) -> None:
            if not home.is_closed():
                home.call_soon_threadsafe(arrive, task)

        def arrive(task: asyncio.Task[T]) -> None:
            if not future.done():
                future.set_result(task)

        running: _Running[T] = _Running(self)
        self.spawn(running, coroutine, done)
        try:
            return _outcome(await asyncio.shield(future))
        except asyncio.CancelledError as error:
            running.discard()
            render_as(error, "CancelledError: the call was interrupted.")
            raise


class _Running(Generic[T]):
    """A coroutine on the loop that can be abandoned from any thread, before or after it has begun."""

    def __init__(self, owner: BackgroundLoop) -> None:
        self._owner = owner
        self.task: asyncio.Task[T] | None = None
        self.cancelled = False
        self._told = False

    def discard(self, ended: Callable[[], Any] = lambda: None) -> None:
        """Nobody waits any more: cancel the task or, if it has ended, cancel what it returned.

        `ended` is called on the loop when no task runs that will end later: it never began, or the
        interrupt came after its result had been taken.
        """
        self.cancelled = True
        self._owner.post(self._discard, ended)

    def _discard(self, ended: Callable[[], Any]) -> None:
        if self.task is not None and not self.task.done():
            self.task.cancel()
            return
        if self.task is not None:
            self.abandon(self.task)
        ended()

    def abandon(self, task: asyncio.Task[T]) -> None:
        """Nobody gets what the task returned: cancel it, if it is a job."""
        if not self._told and not task.cancelled() and task.exception() is None:
            self._told = True
            cancel_soon = getattr(task.result(), "cancel_soon", None)
            if cancel_soon is not None:
                cancel_soon()


def render_as(error: BaseException, line: str) -> None:
    """Have IPython print this line: a traceback into a waiting loop would not help its reader."""
    if not hasattr(error, "_render_traceback_"):
        error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]


def _outcome(task: asyncio.Task[T] | None) -> T:
    if task is None:
        raise ConnectionFailed("The background loop was stopped while a call was waiting for it.")
    if task.cancelled():
        raise ConnectionFailed("The call was abandoned because its client was closed.")
    return task.result()


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """What the awaitable returns, or `asyncio.TimeoutError` after which it is cancelled.

    `asyncio.wait_for` swallows, until Python 3.12, a cancellation that comes while its awaitable ends, and
    with it an interrupt: the job would then run on.
    """
    task = asyncio.ensure_future(awaitable)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise asyncio.TimeoutError
    return task.result()


_RANDOM = random.Random()


def jitter(spread: float) -> float:
    """A random factor from 1 - `spread` to 1 + `spread`, so that clients do not ask all at once.

    It leaves the state of the `random` module, which a notebook may have seeded, alone.
    """
    return 1 - spread + 2 * spread * _RANDOM.random()


IO = BackgroundLoop()
"""The process's one loop: a thread cannot be owned by the clients that share it."""


def on_io(
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Have an async method's body run on the background loop, whichever loop awaits it."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return await IO.bridge(method(*args, **kwargs))

    return call


def plain(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """The blocking form of an async method, for an object that keeps the async one in `_async`.

    Name, signature and docstring are the async method's.
    """

    @functools.wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return IO.run(method(self._async, *args, **kwargs), tick=self._async.connection.meter.paint)

    return call


async def _coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


class LazyAwaitable(Awaitable[T]):
    """The value of an async property, requested when it is awaited."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._start = start

    def __await__(self) -> Generator[Any, Any, T]:
        return IO.bridge(self._start()).__await__()


class PlainProperty(Generic[T]):
    """The blocking form of a property of `LazyAwaitable`: reading it waits for the value."""

    def __init__(self, prop: Any) -> None:
        self._prop = prop
        self.__doc__ = inspect.getdoc(prop)

    @overload
    def __get__(self, instance: None, owner: Any = None) -> PlainProperty[T]: ...
    @overload
    def __get__(self, instance: object, owner: Any = None) -> T: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return IO.run(_coroutine(self._prop.fget(instance._async)))
