"""Every event of a job, kept for readers that start late, in bounded memory.

The newest events stay in memory; older ones are moved, a chunk at a time, to a temporary file, and read
back on demand. The loop's thread appends and any thread reads. The attributes that readers use are
replaced, never changed, so that no lock is needed.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import pickle
import tempfile
import weakref

from ...protocol.frames import PreviewImage
from ...protocol.messages import Event

EVENTS = 1024
BYTES = 8 * 1024 * 1024
CHUNK = 256


class Backlog:
    """An append-only sequence of events."""

    def __init__(self) -> None:
        self._tail: tuple[int, list[Event]] = (0, [])
        self._bytes = 0
        self._firsts: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._read: tuple[int, list[Event]] = (-1, [])
        self._file: _File | None = None

    def __len__(self) -> int:
        base, items = self._tail
        return base + len(items)

    def append(self, event: Event) -> None:
        """Add one; called from one thread only."""
        items = self._tail[1]
        items.append(event)
        if isinstance(event, PreviewImage):
            self._bytes += len(event.image)
        if len(items) > CHUNK and (len(items) > EVENTS or self._bytes > BYTES):
            # With a full disk everything stays in memory.
            with contextlib.suppress(OSError):
                self._spill()

    def __getitem__(self, index: int) -> Event:
        base, items = self._tail
        if index >= base:
            return items[index - base]
        number = bisect.bisect_right(self._firsts, index) - 1
        read = self._read
        if read[0] != number:
            assert self._file is not None
            read = self._read = (number, pickle.loads(self._file.read(*self._places[number])))
        return read[1][index - self._firsts[number]]

    def _spill(self) -> None:
        base, items = self._tail
        if self._file is None:
            self._file = _File()
            weakref.finalize(self, self._file.remove)
        moved = items[:CHUNK]
        place = self._file.write(pickle.dumps(moved, protocol=5))
        self._places.append(place)
        self._firsts.append(base)
        self._tail = (base + CHUNK, items[CHUNK:])
        self._bytes -= sum(len(event.image) for event in moved if isinstance(event, PreviewImage))


class _File:
    """A temporary file that is appended to, and read by opening it again, which every system allows."""

    def __init__(self) -> None:
        handle, self._path = tempfile.mkstemp(prefix="comfy-notebook-", suffix=".events")
        self._out = os.fdopen(handle, "wb", buffering=0)
        self._size = 0

    def write(self, data: bytes) -> tuple[int, int]:
        start, view = self._size, memoryview(data)
        while view:
            view = view[self._out.write(view) or 0 :]
        self._size += len(data)
        return start, len(data)

    def read(self, start: int, length: int) -> bytes:
        with open(self._path, "rb") as file:
            file.seek(start)
            return file.read(length)

    def remove(self) -> None:
        self._out.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)
