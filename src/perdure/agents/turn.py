"""A turn's handle: follow it, wait for it, stop it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from perdure.agents.cursors import parse_cursor
from perdure.core.chunks import Chunk
from perdure.core.messages import Message
from perdure.core.records import RunRecord
from perdure.errors import MessageNotFound, RunCancelled
from perdure.runs.access import Access
from perdure.runs.handles import Run, outcome_of
from perdure.streams import follow


class Turn:
    """One turn of a thread. Holds no connection."""

    def __init__(self, access: Access, thread_id: str, number: int, run_id: str) -> None:
        self._access = access
        self._run = Run[None](access, run_id)
        self.thread_id = thread_id
        self.number = number
        self.run_id = run_id

    @property
    def message_id(self) -> str:
        """The assistant's message of this turn."""
        return reply_id(self.run_id)

    async def stream(self, *, after: str | None = None) -> AsyncGenerator[Chunk, None]:
        """Its chunks, from the beginning or after a cursor, as they become durable, until it has ended.

        A chunk replaces what its lane had said in its `from_seq..seq`: mostly nothing. Where an attempt was superseded
        that is what it had said; a chunk of the kind `reset` says nothing itself. Every chunk has a `cursor`;
        continuing after one gives the rest of what an unbroken stream gives, in any process, and nothing again.
        Raises: CursorInvalid.
        """
        await self._access.check("turn.stream", self.run_id)
        cursor = parse_cursor(after, self.number)
        access = self._access
        chunks = follow(
            access.store, self.run_id, tenant=access.tenant, after=cursor, turn=self.number, clock=access.clock
        )
        async with aclosing(chunks) as following:
            async for chunk in following:
                yield chunk

    async def result(self) -> Message:
        """Wait for its end; the assistant's message.

        A turn that was stopped gives what was said by then, with the status `stopped`.
        Raises: RunFailed when the turn failed; its message keeps what was said.
        """
        run = await self._run.wait()
        message = await self.message()
        try:
            outcome_of(run, None)
        except RunCancelled:
            return message
        return message

    async def message(self) -> Message:
        """The assistant's message as it is now, with its usage."""
        await self._access.check("turn.read", self.run_id)
        store, tenant = self._access.store, self._access.tenant
        message = await store.messages.get(self.thread_id, self.message_id, tenant=tenant)
        if message is None:
            raise MessageNotFound(self.message_id)
        return message

    async def record(self) -> RunRecord:
        """Its run as it is now."""
        return await self._run.record()

    async def stop(self, reason: str = "") -> Message:
        """Stop it: the request to the model and the tools are cancelled, what was said is kept and marked.

        Returns when it has stopped; at the latest after 5 s, even where its worker is dead or does not respond. A turn
        that has ended stays as it is.
        """
        await self._run.cancel(reason)
        return await self.message()


def reply_id(run_id: str) -> str:
    """The id of a turn's assistant message."""
    return f"{run_id}.reply"
