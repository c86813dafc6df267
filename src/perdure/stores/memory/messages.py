"""Reading messages in memory. Parts are kept as JSON, so that one of an unknown kind goes the way of all others."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.core.messages import Message, decode_part
from perdure.core.records import UsageRecord
from perdure.core.usage import total
from perdure.stores.memory.copies import detached
from perdure.stores.memory.state import State, ThreadRows
from perdure.stores.memory.threads import path_of


class Messages:
    """Reading messages."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, thread_id: str, message_id: str, *, tenant: str | None) -> Message | None:
        state = self._look()
        if (tenant, thread_id) not in state.threads:
            return None
        own = state.of_thread[tenant, thread_id]
        if message_id in own.messages:
            return self._whole(state, own, own.messages[message_id])
        for turn in path_of(state, tenant, thread_id, None):
            rows = state.of_thread[tenant, turn.thread_id]
            message = rows.messages.get(message_id)
            if message is not None and message.turn == turn.turn:
                return self._whole(state, rows, message)
        return None

    async def of_run(self, run_id: str, *, tenant: str | None) -> Message | None:
        state = self._look()
        run = state.runs.get((tenant, run_id))
        if run is None or run.thread_id is None or run.reply_id is None:
            return None
        rows = state.of_thread[tenant, run.thread_id]
        message = rows.messages.get(run.reply_id)
        return None if message is None else self._whole(state, rows, message)

    async def path(
        self, thread_id: str, *, tenant: str | None, turn: int | None = None, limit: int | None = None
    ) -> list[Message]:
        state = self._look()
        if (tenant, thread_id) not in state.threads:
            return []
        found = list[Message]()
        for at in path_of(state, tenant, thread_id, turn):
            rows = state.of_thread[tenant, at.thread_id]
            found += [_with_parts(rows, one) for one in rows.messages.group("turn", at.turn)]
        return found if limit is None else found[max(0, len(found) - limit) :]

    async def usage(self, run_id: str, *, tenant: str | None) -> list[UsageRecord]:
        rows = self._look().of_run.get((tenant, run_id))
        return [] if rows is None else list(rows.usage.values())

    def _whole(self, state: State, rows: ThreadRows, message: Message) -> Message:
        of_run = state.of_run.get((message.tenant, message.run_id)) if message.run_id is not None else None
        usage = total(used.usage for used in of_run.usage.values()) if of_run is not None else None
        return msgspec.structs.replace(_with_parts(rows, message), usage=usage)


def _with_parts(rows: ThreadRows, message: Message) -> Message:
    parts = tuple(decode_part(row.body) for row in rows.parts.group("message", message.message_id))
    return msgspec.structs.replace(detached(message), parts=parts)
