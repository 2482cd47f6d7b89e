"""Every event of a job, kept for readers that start late, in memory that does not grow with previews.

JSON events are small and stay. Of the preview frames the newest `RECENT` stay too; the images of
older ones are moved to a temporary file and read back when somebody asks. One thread appends (the
loop's), any thread reads; there is no lock to leak.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections import deque
from dataclasses import dataclass, replace

from ..protocol.frames import PreviewImage
from ..protocol.messages import Event

RECENT = 64


@dataclass(frozen=True)
class _Stored:
    event: PreviewImage
    start: int
    length: int


class Backlog:
    """An append-only sequence of events."""

    def __init__(self) -> None:
        self._items: list[Event | _Stored] = []
        self._recent: deque[int] = deque()
        self._file: _File | None = None

    def __len__(self) -> int:
        return len(self._items)

    def append(self, event: Event) -> None:
        """Add one; called from one thread only."""
        self._items.append(event)
        if isinstance(event, PreviewImage):
            self._recent.append(len(self._items) - 1)
            if len(self._recent) > RECENT:
                self._spill(self._recent.popleft())

    def __getitem__(self, index: int) -> Event:
        item = self._items[index]
        if not isinstance(item, _Stored):
            return item
        assert self._file is not None
        return replace(item.event, image=self._file.read(item.start, item.length))

    def _spill(self, index: int) -> None:
        event = self._items[index]
        assert isinstance(event, PreviewImage)
        # With a full disk the frame stays in memory.
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = _File()
                weakref.finalize(self, self._file.remove)
            start = self._file.write(event.image)
            self._items[index] = _Stored(replace(event, image=b""), start, len(event.image))


class _File:
    def __init__(self) -> None:
        handle, self._path = tempfile.mkstemp(prefix="comfy-notebook-", suffix=".previews")
        self._out = os.fdopen(handle, "wb", buffering=0)
        self._size = 0

    def write(self, data: bytes) -> int:
        start = self._size
        view = memoryview(data)
        while view:
            view = view[self._out.write(view) or 0 :]
        self._size += len(data)
        return start

    def read(self, start: int, length: int) -> bytes:
        with open(self._path, "rb") as file:
            file.seek(start)
            return file.read(length)

    def remove(self) -> None:
        self._out.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)
