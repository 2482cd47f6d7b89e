"""Every use of private parts of Jupyter. Each is guarded and tested."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def answer_while_blocked(widget: Any) -> bool:
    """Let a click on this widget be handled while a cell blocks the kernel; True if that was needed.

    ipykernel 7.4 handles a comm message in the shell that last published on that comm; for a widget made
    by the running cell this is the blocked main shell (ipykernel#1565). JupyterLab sends the click to a
    subshell, and earlier 7.x handled it there. This restores that for one button.
    """
    comm = getattr(widget, "comm", None)
    if comm is None or not hasattr(type(comm), "_reply_subshell_for"):
        return False
    comm._reply_subshell_for = lambda data, default: default
    return True


def kernel_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of the kernel's main thread, from any thread; None outside a kernel."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    loop: asyncio.AbstractEventLoop | None = getattr(getattr(kernel, "io_loop", None), "asyncio_loop", None)
    if loop is not None and not loop.is_closed():
        return loop
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_open(widget: Any) -> bool:
    """Whether the widget has not been closed."""
    return getattr(widget, "comm", None) is not None


def close_all(widget: Any) -> None:
    """Close a widget, its children, and the layouts and styles that ipywidgets leaves open."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for model in (getattr(widget, "layout", None), getattr(widget, "style", None)):
        if model is not None:
            model.close()
    widget.close()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Delay an interrupt until the block ends.

    A KeyboardInterrupt between the creation of two widgets would leave the first one on the page. The
    blocks take milliseconds. Outside the main thread there are no interrupts.
    """
    held = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: held.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt
