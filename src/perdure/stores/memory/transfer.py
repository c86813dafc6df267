"""Everything that a memory store holds, out and in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from perdure.core import keys
from perdure.core.decisions import changes
from perdure.core.messages import decode_part
from perdure.stores.memory.state import Key, State

BATCH = 500

V = TypeVar("V")


class Transfer:
    """Out of the tables, and into them."""

    def __init__(self, look: Callable[[], State], land: Callable[[Sequence[changes.Change]], None]) -> None:
        self._look = look
        self._land = land

    async def export(self) -> AsyncGenerator[tuple[changes.Row, ...]]:
        every = list(_every(self._look()))
        for first in range(0, len(every), BATCH):
            yield tuple(every[first : first + BATCH])

    async def load(self, changes: Sequence[changes.Change]) -> None:
        self._land(changes)


def _every(state: State) -> Iterator[changes.Row]:
    for key, thread in _sorted({**state.threads, **state.hidden}):
        yield changes.InsertThread(thread)
        if key in state.hidden:
            yield changes.HideThread(thread)
    for _, rows in _sorted(state.of_thread):
        yield from (changes.InsertTurn(turn) for _, turn in sorted(rows.turns.items()))
        yield from (changes.InsertThreadEvent(event) for _, event in sorted(rows.events.items()))
        for _, message in sorted(rows.messages.items()):
            yield changes.InsertMessage(message)
        for _, part in sorted(rows.parts.items()):
            message = rows.messages[part.message_id]
            yield changes.WriteParts(message, part.place, (decode_part(part.body),), part.version)
    for key, run in _sorted(state.runs):
        rows = state.of_run[key]
        yield changes.InsertRun(run, rows.manifest)
        yield from (changes.WriteStep(run, step) for _, step in sorted(rows.steps.items()))
        for _, event in sorted(rows.events.items()):
            yield changes.InsertEvent(run, event, keys.is_channel(event.key))
        yield from (changes.InsertEntries(run, (entry,)) for _, entry in sorted(rows.log.items()))
        yield from (changes.InsertUsage(run, usage) for _, usage in sorted(rows.usage.items()))
    yield from (changes.WriteQuestion(question) for _, question in _sorted(state.questions))
    yield from (changes.WriteKey(key) for _, key in _sorted(state.keys))
    for tombstone, until in sorted(state.tombstones.items(), key=lambda item: (item[0][0] or "", *item[0][1:])):
        yield changes.WriteTombstone(*tombstone, at=changes.LONG_AGO, until=until)


def _sorted(table: Mapping[Key, V]) -> list[tuple[Key, V]]:
    return sorted(table.items(), key=lambda item: (item[0][0] or "", item[0][1]))
