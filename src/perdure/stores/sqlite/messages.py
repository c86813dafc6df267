"""Messages in SQLite: a row a message, a row a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.clock import epoch
from perdure.core.messages import Message, MessageStatus, Part, Role, Usage, decode_part, encode_part
from perdure.core.values import Value
from perdure.errors import MessageExists, MessageNotFound, ThreadNotFound
from perdure.stores import topics
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Row
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.port import AddMessage, PutParts, SetMessage
    from perdure.stores.sqlite.reader import Reader

_COLUMNS = "message_id, thread_id, turn, place, role, status, metadata, usage, finish_reason, model, created_at"
_INSERT = f"INSERT INTO messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_PART = "INSERT OR REPLACE INTO parts (message_id, place, body) VALUES (?, ?, ?)"
_ONE = f"SELECT {_COLUMNS} FROM messages WHERE message_id = ?"
_LIST = (
    f"SELECT {_COLUMNS} FROM messages WHERE thread_id = ? AND turn <= ? AND (turn, place) > (?, ?)"
    " ORDER BY turn, place LIMIT ?"
)
_PARTS = "SELECT body FROM parts WHERE message_id = ? ORDER BY place"
_SET = (
    "UPDATE messages SET status = coalesce(?, status), usage = coalesce(?, usage),"
    " finish_reason = coalesce(?, finish_reason), model = coalesce(?, model) WHERE message_id = ?"
)
_EVERY_TURN = 2**62

_usage = msgspec.json.Decoder(Usage)
_object = msgspec.json.Decoder(dict[str, Value])


def add_message(tx: Transaction, operation: AddMessage) -> None:
    """Apply AddMessage."""
    message = operation.message
    if tx.row("SELECT 1 FROM threads WHERE thread_id = ?", (message.thread_id,)) is None:
        raise ThreadNotFound(message.thread_id)
    insert_message(tx, message)


def insert_message(tx: Transaction, message: Message) -> None:
    """A message with its parts. Raises: MessageExists."""
    tx.run(
        _INSERT,
        (
            message.message_id,
            message.thread_id,
            message.turn,
            message.place,
            message.role,
            message.status,
            rows.pack(message.metadata),
            None if message.usage is None else msgspec.json.encode(message.usage),
            message.finish_reason,
            message.model,
            epoch(message.created_at),
        ),
    )
    if not tx.changed():
        raise MessageExists(message.message_id)
    _put(tx, message.message_id, 0, message.parts)
    tx.topics.add(topics.thread(message.thread_id))


def put_parts(tx: Transaction, operation: PutParts) -> None:
    """Apply PutParts."""
    _check(tx, operation.message_id)
    _put(tx, operation.message_id, operation.first, operation.parts)


def set_message(tx: Transaction, operation: SetMessage) -> None:
    """Apply SetMessage."""
    row = _check(tx, operation.message_id)
    usage = operation.add_usage
    if usage is not None:
        before = rows.unpack(row[7], _usage)
        usage = before + usage if before else usage
    packed = None if usage is None else msgspec.json.encode(usage)
    tx.run(_SET, (operation.status, packed, operation.finish_reason, operation.model, operation.message_id))


def _check(tx: Transaction, message_id: str) -> Row:
    row = tx.row(_ONE, (message_id,))
    if row is None:
        raise MessageNotFound(message_id)
    tx.topics.add(topics.thread(rows.text(row[1])))
    return row


def _put(tx: Transaction, message_id: str, first: int, parts: tuple[Part, ...]) -> None:
    for place, part in enumerate(parts, first):
        tx.run(_PART, (message_id, place, encode_part(part)))


def _message(tx: Transaction, row: Row) -> Message:
    parts = tx.rows(_PARTS, (row[0],))
    return Message(
        message_id=rows.text(row[0]),
        thread_id=rows.text(row[1]),
        turn=cast("int", row[2]),
        place=cast("int", row[3]),
        role=cast("Role", row[4]),
        status=cast("MessageStatus", row[5]),
        metadata=rows.unpack(row[6], _object) or {},
        usage=rows.unpack(row[7], _usage),
        finish_reason=cast("str | None", row[8]),
        model=cast("str | None", row[9]),
        created_at=rows.moment(row[10]),
        parts=tuple(decode_part(cast("bytes", part[0])) for part in parts),
    )


def _get(tx: Transaction, message_id: str) -> Message | None:
    row = tx.row(_ONE, (message_id,))
    return _message(tx, row) if row else None


def _list(tx: Transaction, thread_id: str, up_to_turn: int, after: tuple[int, int], limit: int) -> list[Message]:
    return [_message(tx, row) for row in tx.rows(_LIST, (thread_id, up_to_turn, *after, limit))]


class Messages:
    """Reading messages."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get(self, message_id: str) -> Message | None:
        return self._reader.at_one_instant(_get, message_id)

    async def list(
        self,
        thread_id: str,
        *,
        up_to_turn: int | None = None,
        after: tuple[int, int] = (0, -1),
        limit: int | None = None,
    ) -> list[Message]:
        turn = _EVERY_TURN if up_to_turn is None else up_to_turn
        return await self._reader.run(_list, thread_id, turn, after, -1 if limit is None else limit)
