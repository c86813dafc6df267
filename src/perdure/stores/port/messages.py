"""Reading messages."""

from __future__ import annotations

from typing import Protocol

from perdure.core.messages import Message
from perdure.core.records import UsageRecord


class MessageReads(Protocol):
    """Reading messages."""

    async def get(self, thread_id: str, message_id: str, *, tenant: str | None) -> Message | None:
        """The message of a thread with its parts and its usage, or None.

        Shape: a message on a path of the thread that lies in another thread is the thread's too.
        """
        ...

    async def of_run(self, run_id: str, *, tenant: str | None) -> Message | None:
        """The message that a run writes, with its parts and its usage, or None."""
        ...

    async def path(
        self, thread_id: str, *, tenant: str | None, turn: int | None = None, limit: int | None = None
    ) -> list[Message]:
        """The messages of the turns from the root to one turn, with parts and without usage.

        Shape: in order of the turns on the path, and of their places in each; the turn is the head where none is
        named; with a `limit` the last so many.
        """
        ...

    async def usage(self, run_id: str, *, tenant: str | None) -> list[UsageRecord]:
        """What each attempt of each step of a run took."""
        ...
