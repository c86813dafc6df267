"""Waiting for an event, and emitting one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from perdure.core import keys
from perdure.core.failures import Failure, failure_of, mark_positions, step_error
from perdure.core.ids import idempotency_key
from perdure.core.operations import Emit, Emitted
from perdure.core.records import EventRecord, StepRecord
from perdure.core.values import Value, decode, encode
from perdure.errors import EventTimeout, InboxMoved, OutcomeError, RunNotFound, TypeMismatch
from perdure.runs.fitting import fitting, recorded
from perdure.runs.news import look
from perdure.runs.recorded import Recorded
from perdure.runs.waits import park

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt
    from perdure.runs.branch import Branch


class EventCall(Recorded[Value]):
    """`await_event`: the payload of an event, EventTimeout, or StepFailed for a payload of another type."""

    __slots__ = ("_as", "_key", "_timeout")

    def __init__(self, attempt: Attempt, position: str, key: str, timeout: float | None, as_: Value) -> None:
        super().__init__(attempt, position, key, "event")
        self._key = keys.event(key)
        self._timeout = timeout
        self._as = as_

    async def run(self, branch: Branch) -> Value:  # noqa: ARG002 - a wait runs no user code
        record = self.run_attempt.visit(self)
        if record is not None and record.status == "completed":
            return self._payload(record.result or b"null")
        if record is not None and record.status == "failed":
            raise self._failed(record.failure)
        self.begin()
        event = self.run_attempt.events.get(self._key) or await self._wait(record)
        while event is None:
            error = EventTimeout(self.name, self.position)
            try:
                # what was accepted before this is committed has come in time: it moved the inbox
                inbox = self.run_attempt.inbox
                await self.put("failed", failure=failure_of(error, "timeout"), before=record, inbox=inbox)
            except InboxMoved:
                event = await self._look()
            else:
                raise error
        try:
            payload = fitting(self.position, self._field, event.payload, self._as)
        except TypeMismatch as misfit:  # it is from outside: no fault of the code, which may go on without it
            failure = failure_of(misfit, "type_mismatch")
            await self.put("failed", failure=failure, before=record)
            raise self._failed(failure) from misfit
        await self.put("completed", result=event.payload, before=record)
        return payload

    @property
    def _field(self) -> str:
        return f"event {self.name!r}"

    def _failed(self, failure: Failure | None) -> OutcomeError:
        if failure is None or failure.reason == "timeout":
            return EventTimeout(self.name, self.position)
        return step_error(self.name, self.position, failure, 1)

    def _payload(self, data: bytes) -> Value:
        return recorded(self.run_attempt, self.position, self._field, data, self._as)

    async def _wait(self, record: StepRecord | None) -> EventRecord | None:
        due_at = record.due_at if record else None
        if record is not None and record.retry_at is not None and self._timeout is not None:
            due_at = record.retry_at + timedelta(seconds=self._timeout)  # reopened by a restart
        elif record is None and self._timeout is not None:
            due_at = self.run_attempt.now() + timedelta(seconds=self._timeout)
            await self.put("running", due_at=due_at)
        event = None
        if due_at is None or due_at > self.run_attempt.now():
            event = await park(self.run_attempt, self.position, self._key, due_at)
        return event or await self._look()

    async def _look(self) -> EventRecord | None:
        """The event, where it is in the store: it always wins over the deadline."""
        await look(self.run_attempt)
        self.run_attempt.check()  # an attempt that unwinds has not looked
        return self.run_attempt.events.get(self._key)


class EmitCall(Recorded[bool]):
    """`emit_event`: whether this emit was the first, the same on every replay."""

    __slots__ = ("_payload", "_to")

    def __init__(self, attempt: Attempt, position: str, key: str, payload: Value, to: str) -> None:
        super().__init__(attempt, position, key, "emit")
        self._payload = encode(payload, "payload")
        self._to = to

    async def run(self, branch: Branch) -> bool:  # noqa: ARG002 - an emit runs no user code
        record = self.run_attempt.visit(self)
        run, key = self.run_attempt.run, keys.event(self.name)
        emit_id = idempotency_key(run.tenant, run.run_id, self.position)
        if record is None:
            step = self.note("completed", result=b"null")  # the commit says what it answers
            emit = Emit(
                tenant=run.tenant,
                run_id=self._to,
                key=key,
                payload=self._payload,
                at=self.run_attempt.now(),
                emit_id=emit_id,
                by=f"{run.run_id}/{self.position}",
                step=step,
            )
            try:
                emitted: Emitted = (await self.run_attempt.commit(emit))[0]
            except RunNotFound as error:
                # final, like every outcome: the run may be there when this is replayed
                await self.put("failed", failure=failure_of(error))
                raise self._not_found() from None
            answered = msgspec.structs.replace(step, result=encode(emitted.accepted))
            self.run_attempt.replay.written[self.position] = answered
            return emitted.accepted
        if record.status == "failed":
            raise self._not_found()
        if record.result not in {None, b"null"}:
            return decode(record.result or b"", bool)
        # a record of an earlier version has no answer: the event tells, as long as it is there
        event = await self.run_attempt.read(lambda store: store.events.get(self._to, key, tenant=run.tenant))
        return event is not None and event.emit_id == emit_id

    def _not_found(self) -> RunNotFound:
        error = RunNotFound(self._to)
        mark_positions(error, (self.position,))
        return error
