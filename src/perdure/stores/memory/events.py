"""Events in memory."""

from __future__ import annotations

from collections.abc import Callable

from perdure.core.records import EventRecord
from perdure.stores.memory.edges import deliver, find
from perdure.stores.memory.state import State
from perdure.stores.port import Emit, Emitted


def emit(state: State, operation: Emit) -> Emitted:
    """Apply Emit."""
    find(state, operation.run_id)
    accepted = deliver(state, operation.run_id, operation.key, operation.payload, operation.at, operation.by)
    return Emitted(accepted, state.events[operation.run_id][operation.key])


class Events:
    """Reading events."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, run_id: str, key: str) -> EventRecord | None:
        events = self._look().events.get(run_id)
        return None if events is None else events.get(key)

    async def list(self, run_id: str) -> list[EventRecord]:
        events = self._look().events.get(run_id)
        return [] if events is None else list(events.values())
