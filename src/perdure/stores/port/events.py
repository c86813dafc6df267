"""Events: what comes to a run from outside, once per key."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from perdure.core.records import EventRecord


class Emit(msgspec.Struct, frozen=True, kw_only=True):
    """Put an event into a run's inbox. For anybody.

    Shape: Emitted; `by` is kept with the event. The first emit per key stays; a later one changes nothing and gets
    the first one back. An accepted one grows the inbox and, where the run is suspended, queues it, due at once: edge
    `wake`. An ended run keeps the event and stays ended.
    Raises: RunNotFound.
    """

    run_id: str
    key: str
    payload: bytes
    at: datetime
    by: str | None = None


class Emitted(msgspec.Struct, frozen=True):
    """What Emit gives back: whether this one was the first, and the one that stays."""

    accepted: bool
    event: EventRecord


class EventReads(Protocol):
    """Reading events."""

    async def get(self, run_id: str, key: str) -> EventRecord | None:
        """The event under a key, or None."""
        ...

    async def list(self, run_id: str) -> list[EventRecord]:
        """A run's events, in the order in which they came."""
        ...
