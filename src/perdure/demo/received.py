"""What the reader received: every connection that it made, and every chunk that came over it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from perdure.core.chunks import Chunk
from perdure.core.fold import Fold
from perdure.demo.journal import Journal


class Received(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line: the beginning of a connection, `after` a cursor, or a chunk that came."""

    connection: int
    at: datetime
    after: str | None = None
    cursor: str | None = None
    chunk: Chunk | None = None


def received_at(path: Path) -> Journal[Received]:
    """What was received, in a file."""
    return Journal(path, Received)


def chunks_of(received: list[Received]) -> list[Chunk]:
    """The chunks, in the order in which they came."""
    return [line.chunk for line in received if line.chunk is not None]


def folded(received: list[Received]) -> Fold:
    """What the reader ended with."""
    return Fold().add_all(chunks_of(received))
