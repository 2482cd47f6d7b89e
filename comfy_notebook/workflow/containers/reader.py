"""Bounded reads of an untrusted file: each has a stated length, within the file and within a budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, TypeAlias

Texts: TypeAlias = Iterator[tuple[str, str]]

LONGEST = 32 * 1024 * 1024
STEPS = 200_000


class Damaged(ValueError):
    """The file is not what its headers say."""


class Reader:
    """A seekable file with a budget: at most `LONGEST` bytes of texts and `STEPS` reads in all."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self._left = LONGEST
        self._steps = STEPS
        file.seek(0)

    @property
    def at(self) -> int:
        """Where the next read starts."""
        return self._file.tell()

    def seek(self, where: int) -> None:
        """Go to a place in the file."""
        if not 0 <= where <= self.size:
            raise Damaged(f"it points to byte {where}, but ends at {self.size}")
        self._file.seek(where)

    def skip(self, count: int) -> None:
        """Go forward without reading."""
        self.seek(self.at + count)

    def read(self, count: int) -> bytes:
        """Exactly this many bytes."""
        if count < 0 or self.at + count > self.size:
            raise Damaged(f"it ends in the middle, at byte {self.size}")
        self._left -= count
        self._steps -= 1
        if self._left < 0:
            raise Damaged("its texts are larger than any workflow")
        if self._steps < 0:
            raise Damaged("it has too many parts")
        data = self._file.read(count)
        if len(data) != count:
            raise Damaged("it could not be read to the end")
        return data

    def rest(self, limit: int = LONGEST) -> bytes:
        """Everything that is left, when that is not too much."""
        if self.size - self.at > limit:
            raise Damaged("it is larger than any workflow")
        return self.read(self.size - self.at)


def decode(data: bytes) -> str:
    """Text as it is usually written: UTF-8, else Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
