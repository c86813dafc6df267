"""A thread's handle: send, read, stop. Cheap, made from an id in any process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

from perdure.agents.state import TurnInput
from perdure.agents.turn import Turn, reply_id
from perdure.core.canonical import canonical_hash
from perdure.core.clock import next_turn
from perdure.core.given import given_number, given_record, given_text
from perdure.core.ids import check_id, new_id
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.messages import Message, TextPart
from perdure.core.operations import StartTurn
from perdure.core.states import ENDED
from perdure.core.text import is_well_formed
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord
from perdure.core.values import Value
from perdure.errors import InputError, MessageEmpty, NotStorable, ThreadNotFound
from perdure.models.resolve import check_name
from perdure.runs.access import Access
from perdure.runs.starting import creation
from perdure.runs.workflow import Workflow

FindWorkflow = Callable[[str], Workflow[..., Value]]


class Thread:
    """One conversation. Holds no connection."""

    def __init__(self, access: Access, workflow_of: FindWorkflow, thread_id: str) -> None:
        self._access = access
        self._store = access.store
        self._workflow_of = workflow_of
        self.id = check_id("thread_id", thread_id)

    async def record(self) -> ThreadRecord:
        """The thread as it is now: its status, and why it is so. Raises: ThreadNotFound."""
        await self._access.check("thread.read", self.id)
        thread = await self._store.threads.get(self.id, tenant=self._access.tenant)
        if thread is None:
            raise ThreadNotFound(self.id)
        return thread

    async def send(
        self,
        text: str,
        *,
        idempotency_key: str | None = None,
        model: str | None = None,
        settings: dict[str, Value] | None = None,
        metadata: dict[str, Value] | None = None,
    ) -> Turn:
        """Add a message of the user and the turn that answers it; durable when this returns.

        Shape: the same `idempotency_key` with the same message gives the same turn, so a send can be repeated.
        `model` (a name) and `settings` hold for this turn, over the thread's and the agent's; `metadata` stays with
        the message.
        Raises: ThreadBusy while another turn runs; ThreadNotFound; MessageEmpty; NotStorable, TooLarge;
        RunInputMismatch where the key was used with another message; ModelUnknown for a name without a provider;
        NameUnknown where this process does not know
        the thread's agent.
        """
        _check_text(text)
        if model is not None:
            check_name(given_text("model", model))
        thread = await self.record()
        run_id = self._run_id(idempotency_key)
        given = TurnInput(
            thread_id=self.id,
            user_message_id=f"{run_id}.user",
            message_id=reply_id(run_id),
            text_hash=canonical_hash(text),
            model=model,
            settings=given_record("settings", settings),
        )
        start = self._start(thread, run_id, given, text, given_record("metadata", metadata))
        await self._access.check("thread.send", self.id)
        turn: TurnRecord = await self._store.execute(start)
        return Turn(self._access, self.id, turn.turn, run_id)

    async def turns(self) -> list[Turn]:
        """Its turns, from the first one to the one at its head. Raises: ThreadNotFound."""
        await self._access.check("thread.read", self.id)
        path = await self._store.threads.path(self.id, tenant=self._access.tenant)
        if not path:
            await self.record()
        return [Turn(self._access, turn.thread_id, turn.turn, turn.run_id) for turn in path]

    async def turn(self) -> Turn | None:
        """Its latest turn, or None."""
        thread = await self.record()
        if thread.run_id is None:
            return None
        return Turn(self._access, self.id, thread.turn, thread.run_id)

    async def messages(self) -> list[Message]:
        """Its messages, in order; the one that is being written has the status `streaming`. Raises: ThreadNotFound."""
        await self._access.check("thread.read", self.id)
        messages = await self._store.messages.path(self.id, tenant=self._access.tenant)
        if not messages:
            await self.record()
        return messages

    async def events(self, *, after: int = 0) -> AsyncIterator[ThreadEvent]:
        """What happened to it, in order: every edge of its status, and what others did. Raises: ThreadNotFound."""
        given_number("after", after)
        await self.record()
        while found := await self._store.threads.events(self.id, tenant=self._access.tenant, after=after):
            for event in found:
                after = event.seq
                yield event
            await next_turn()

    async def stop(self, reason: str = "") -> ThreadRecord:
        """Stop its running turn, as `Turn.stop`; a thread that does not run stays as it is.

        Raises: ThreadNotFound; InputError for a reason that is no text.
        """
        given_text("reason", reason)
        turn = await self.turn()
        if turn is not None and (await turn.record()).status not in ENDED:
            await turn.stop(reason)
        return await self.record()

    def _start(
        self, thread: ThreadRecord, run_id: str, given: TurnInput, text: str, metadata: dict[str, Value]
    ) -> StartTurn:
        workflow = self._workflow_of(thread.agent)
        now, tenant = self._access.clock.now(), self._access.tenant
        manifest = Manifest(
            task=TaskSpec(id=workflow.name, intent="turn"), input={"given": msgspec.to_builtins(given)}, tenant=tenant
        )
        user = Message(
            message_id=given.user_message_id,
            thread_id=self.id,
            turn=0,
            role="user",
            parts=(TextPart(text=text),),
            metadata=metadata,
            created_at=now,
        )
        reply = Message(
            message_id=given.message_id,
            thread_id=self.id,
            turn=0,
            role="assistant",
            status="streaming",
            created_at=now,
        )
        create = creation(workflow, manifest, run_id=run_id, at=now, thread_id=self.id)
        return StartTurn(tenant=tenant, thread_id=self.id, run=create, messages=(user, reply))

    def _run_id(self, key: str | None) -> str:
        if key is None:
            return new_id("turn")
        return f"turn_{canonical_hash([self.id, check_id('idempotency_key', key)])[:32]}"


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise InputError("text", f"a message is text, not {type(text).__name__}")
    if not is_well_formed(text):
        raise NotStorable("text", "the text holds a lone surrogate")
    if not text.strip():
        raise MessageEmpty("text", "a message needs content")
