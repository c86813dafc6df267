"""Messages in memory. Parts are kept as JSON, so that one of an unknown kind goes the way that it goes elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.core.messages import Message, Part, decode_part, encode_part
from perdure.errors import MessageExists, MessageNotFound, ThreadNotFound
from perdure.stores import topics
from perdure.stores.memory.copies import detached
from perdure.stores.memory.state import State
from perdure.stores.memory.tables import Table
from perdure.stores.port import AddMessage, PutParts, SetMessage


def add_message(state: State, operation: AddMessage) -> None:
    """Apply AddMessage."""
    message = operation.message
    if message.thread_id not in state.threads:
        raise ThreadNotFound(message.thread_id)
    insert_message(state, message)


def insert_message(state: State, message: Message) -> None:
    """A message with its parts. Raises: MessageExists where its id or its place is taken."""
    place = (message.thread_id, message.turn, message.place)
    taken = ((other.thread_id, other.turn, other.place) for other in state.messages.values())
    if message.message_id in state.messages or place in taken:
        raise MessageExists(message.message_id)
    state.messages[message.message_id] = msgspec.structs.replace(message, parts=())
    state.parts[message.message_id] = Table(state.undo)
    _put(state, message.message_id, 0, message.parts)
    state.news.add(topics.thread(message.thread_id))


def put_parts(state: State, operation: PutParts) -> None:
    """Apply PutParts."""
    message = _find(state, operation.message_id)
    _put(state, message.message_id, operation.first, operation.parts)
    state.news.add(topics.thread(message.thread_id))


def set_message(state: State, operation: SetMessage) -> None:
    """Apply SetMessage."""
    message, added = _find(state, operation.message_id), operation.add_usage
    state.messages[message.message_id] = msgspec.structs.replace(
        message,
        status=operation.status or message.status,
        usage=message.usage + added if message.usage and added else added or message.usage,
        finish_reason=message.finish_reason if operation.finish_reason is None else operation.finish_reason,
        model=message.model if operation.model is None else operation.model,
    )
    state.news.add(topics.thread(message.thread_id))


def _find(state: State, message_id: str) -> Message:
    message = state.messages.get(message_id)
    if message is None:
        raise MessageNotFound(message_id)
    return message


def _put(state: State, message_id: str, first: int, parts: tuple[Part, ...]) -> None:
    for place, part in enumerate(parts, first):
        state.parts[message_id][place] = encode_part(part)


def _whole(state: State, message: Message) -> Message:
    parts = sorted(state.parts[message.message_id].items())
    return msgspec.structs.replace(detached(message), parts=tuple(decode_part(data) for _, data in parts))


class Messages:
    """Reading messages."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def get(self, message_id: str) -> Message | None:
        state = self._look()
        message = state.messages.get(message_id)
        return _whole(state, message) if message else None

    async def list(
        self,
        thread_id: str,
        *,
        up_to_turn: int | None = None,
        after: tuple[int, int] = (0, -1),
        limit: int | None = None,
    ) -> list[Message]:
        state = self._look()
        found = [
            message
            for message in state.messages.values()
            if message.thread_id == thread_id
            and (up_to_turn is None or message.turn <= up_to_turn)
            and (message.turn, message.place) > after
        ]
        found.sort(key=lambda message: (message.turn, message.place))
        return [_whole(state, message) for message in found[:limit]]
