"""Reading messages in SQLite: a row a message, a row a part; those of a whole path by two queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.messages import PART_BITS, Message, Part, decode_part
from perdure.core.records import UsageRecord
from perdure.core.usage import total
from perdure.stores.sqlite import rows, thread_rows
from perdure.stores.sqlite.driver import Cell, Row
from perdure.stores.sqlite.rows import RUN
from perdure.stores.sqlite.threads import PATH
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.reader import Reader

_COLUMNS = f"threads.thread_id, {thread_rows.MESSAGE_COLUMNS}"
_OWN = (
    f"SELECT {_COLUMNS} FROM threads CROSS JOIN messages ON messages.thread = threads.id"
    " WHERE threads.tenant = ? AND threads.thread_id = ? AND hidden = 0 AND message_id = ?"
)
_OF_RUN = (
    f"SELECT {_COLUMNS} FROM runs CROSS JOIN threads"
    " ON threads.tenant = runs.tenant AND threads.thread_id = runs.thread_id"
    " CROSS JOIN messages ON messages.thread = threads.id AND message_id = runs.reply_id"
    " WHERE runs.tenant = ? AND runs.run_id = ?"
)
_ON_PATH = (
    f"{PATH} SELECT {_COLUMNS} FROM path CROSS JOIN turns USING (thread, turn) CROSS JOIN messages USING (thread, turn)"
    " CROSS JOIN threads ON threads.id = path.thread"
)
_PATH = f"{_ON_PATH} ORDER BY depth, place DESC LIMIT ?4"
_ONE_ON_PATH = f"{_ON_PATH} WHERE message_id = ?4"
_PARTS = (
    f"SELECT parts.id >> {PART_BITS}, body FROM json_each(?) AS wanted CROSS JOIN parts ON parts.id"
    f" BETWEEN wanted.value << {PART_BITS} AND (wanted.value + 1 << {PART_BITS}) - 1"
)
_USAGE = f"SELECT position, attempt, tokens, model FROM usage WHERE run = {RUN}"
_EVERY = -1


def _with_parts(tx: Transaction, tenant: str | None, found: Sequence[Row]) -> list[Message]:
    """Messages with their parts, in the order of their rows: one query for the parts of all."""
    numbers = [cast("int", row[1]) for row in found]
    parts: dict[int, list[Part]] = {number: [] for number in numbers}
    wanted = msgspec.json.encode(numbers).decode()
    for number, body in cast("list[tuple[int, bytes]]", tx.rows(_PARTS, (wanted,))):
        parts[number].append(decode_part(body))
    return [
        thread_rows.message(tenant, cast("str", row[0]), row[1:], tuple(parts[cast("int", row[1])])) for row in found
    ]


def _usage(tx: Transaction, tenant: str | None, run_id: str) -> list[UsageRecord]:
    return [rows.usage_record(run_id, row) for row in tx.rows(_USAGE, (tenant or "", run_id))]


def _one(tx: Transaction, tenant: str | None, *queries: tuple[str, tuple[Cell, ...]]) -> Message | None:
    """The message that the first of several queries finds, with its parts and its usage."""
    for sql, values in queries:
        found = tx.rows(sql, (tenant or "", *values))
        if found:
            message = _with_parts(tx, tenant, found[:1])[0]
            used = _usage(tx, tenant, message.run_id) if message.run_id is not None else []
            return msgspec.structs.replace(message, usage=total(one.usage for one in used))
    return None


def _path(tx: Transaction, tenant: str | None, thread_id: str, turn: int | None, limit: int) -> list[Message]:
    return _with_parts(tx, tenant, tx.rows(_PATH, (tenant or "", thread_id, turn, limit))[::-1])


class Messages:
    """Reading messages."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, thread_id: str, message_id: str, *, tenant: str | None) -> Message | None:
        own, on_path = (_OWN, (thread_id, message_id)), (_ONE_ON_PATH, (thread_id, None, message_id))
        return self._reader.at_one_instant(_one, tenant, own, on_path)

    async def of_run(self, run_id: str, *, tenant: str | None) -> Message | None:
        return self._reader.at_one_instant(_one, tenant, (_OF_RUN, (run_id,)))

    async def path(
        self, thread_id: str, *, tenant: str | None, turn: int | None = None, limit: int | None = None
    ) -> list[Message]:
        return await self._reader.run(_path, tenant, thread_id, turn, _EVERY if limit is None else limit)

    async def usage(self, run_id: str, *, tenant: str | None) -> list[UsageRecord]:
        return _usage(self._reader.tx, tenant, run_id)
