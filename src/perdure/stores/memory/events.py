"""Reading events in memory."""

from __future__ import annotations

from collections.abc import Callable

from perdure.core.records import EventRecord
from perdure.stores.memory.state import State


class Events:
    """Reading events."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, run_id: str, key: str, *, tenant: str | None) -> EventRecord | None:
        rows = self._look().of_run.get((tenant, run_id))
        return None if rows is None else next(rows.events.group("key", key), None)

    async def list(self, run_id: str, *, tenant: str | None, after: int = 0) -> list[EventRecord]:
        rows = self._look().of_run.get((tenant, run_id))
        return [] if rows is None else list(rows.events.after(after))
