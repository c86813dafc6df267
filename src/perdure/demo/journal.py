"""A file of JSON lines that survives SIGKILL: what was appended is there, whole; a torn last line counts as nothing.

Each line is one write to a file opened with O_APPEND, followed by fsync. A line that a kill tore has no end: the next
one begins on a line of its own, and reading passes over what is no JSON.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Journal(Generic[T]):
    """Lines of one type in one file."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(kind)

    def append(self, line: T) -> None:
        """Add a line; durable when this returns."""
        handle = self._open()
        try:
            _write(handle, msgspec.json.encode(line))
        finally:
            os.close(handle)

    @contextmanager
    def alone(self) -> Generator[Appending[T]]:
        """Read and append while no other process does."""
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Appending(self, handle)
        finally:
            os.close(handle)

    def read(self) -> list[T]:
        """Every whole line."""
        return self.tail(0)[0]

    def tail(self, after: int) -> tuple[list[T], int]:
        """The whole lines after a byte of the file, and the byte after the last of them."""
        try:
            with self.path.open("rb") as file:
                file.seek(after)
                data = file.read()
        except FileNotFoundError:
            return [], after
        whole = data[: data.rfind(b"\n") + 1]
        return list(self._decoded(whole)), after + len(whole)

    def _decoded(self, data: bytes) -> Iterator[T]:
        for line in data.splitlines():
            try:
                yield self._decoder.decode(line)
            except msgspec.DecodeError:
                continue  # torn

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


class Appending(Generic[T]):
    """A journal that is held alone."""

    def __init__(self, journal: Journal[T], handle: int) -> None:
        self._journal = journal
        self._handle = handle

    def read(self) -> list[T]:
        """Every whole line."""
        return self._journal.read()

    def append(self, line: T) -> None:
        """Add a line; durable when this returns."""
        _write(self._handle, msgspec.json.encode(line))


def _write(handle: int, line: bytes) -> None:
    size = os.fstat(handle).st_size
    is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
    os.write(handle, (b"\n" if is_torn else b"") + line + b"\n")
    os.fsync(handle)
