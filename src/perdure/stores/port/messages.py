"""Messages: rows for messages, rows for their parts, so that a long turn is not written again at each step."""

from __future__ import annotations

from typing import Protocol

import msgspec

from perdure.core.messages import Message, MessageStatus, Part, Usage


class AddMessage(msgspec.Struct, frozen=True):
    """Add a message with its parts; where the lease's run makes it, needs the lease.

    Raises: MessageExists where its id is taken, or its place in the thread; ThreadNotFound.
    """

    message: Message


class PutParts(msgspec.Struct, frozen=True, kw_only=True):
    """Write parts of a message from place `first` on; a part that is there is replaced.

    Shape: `first` is at most the number of the parts that are there: a part's place is its identity.
    Raises: MessageNotFound.
    """

    message_id: str
    first: int
    parts: tuple[Part, ...]


class SetMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Change what is given of a message; None leaves it; `add_usage` is added to what is there.

    Raises: MessageNotFound.
    """

    message_id: str
    status: MessageStatus | None = None
    add_usage: Usage | None = None
    finish_reason: str | None = None
    model: str | None = None


class MessageReads(Protocol):
    """Reading messages."""

    async def get(self, message_id: str) -> Message | None:
        """The message with its parts, or None."""
        ...

    async def list(
        self,
        thread_id: str,
        *,
        up_to_turn: int | None = None,
        after: tuple[int, int] = (0, -1),
        limit: int | None = None,
    ) -> list[Message]:
        """A thread's messages with their parts, in order of (turn, place), after one; up to a turn where given."""
        ...
