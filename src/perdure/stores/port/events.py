"""Reading events."""

from __future__ import annotations

from typing import Protocol

from perdure.core.records import EventRecord


class EventReads(Protocol):
    """Reading events."""

    async def get(self, run_id: str, key: str, *, tenant: str | None) -> EventRecord | None:
        """The event under a key (`core.keys`), of a channel the first; or None."""
        ...

    async def list(self, run_id: str, *, tenant: str | None, after: int = 0) -> list[EventRecord]:
        """A run's events with a seq greater than `after`, in the order in which they came."""
        ...
