"""One step: replayed from its record, or executed, retried and committed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from perdure.core import keys
from perdure.core.annotations import Facts, facts_of
from perdure.core.failures import Failure, step_error
from perdure.core.guarding import is_of
from perdure.core.ids import idempotency_key, random_share
from perdure.core.operations import PutStep
from perdure.core.records import StepRecord, StepStatus
from perdure.core.states import FINAL
from perdure.core.values import Value
from perdure.errors import InputError, NotStorable, StepAborted
from perdure.runs.calls import Call
from perdure.runs.failing import failure_from, pause_of, stored
from perdure.runs.fitting import facts_now, recorded_by
from perdure.runs.halting import HELD, Carried, Unwind
from perdure.runs.in_doubt import DECIDED, ask, decision_of, said_with
from perdure.runs.interrupts import is_of_user_code
from perdure.runs.options import MAX_SECONDS, StepOptions
from perdure.runs.protocols import ExtraOperations, named
from perdure.runs.step_timeout import StepTimeout
from perdure.runs.waits import park

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt
    from perdure.runs.branch import Branch

R = TypeVar("R")


class StepCall(Call[R]):
    """A step of user code; inside its function, what the function may know of it."""

    __slots__ = (
        "args",
        "arguments",
        "attempt",
        "began",
        "began_after",
        "decoder",
        "extra_operations",
        "failure",
        "function",
        "number",
        "opened",
        "options",
        "outlived",
        "recorded",
        "timeout",
    )

    may_wait = False

    def __init__(
        self,
        attempt: Attempt,
        position: str,
        name: str,
        function: Callable[..., Value],
        args: tuple[Value, ...],
        options: StepOptions,
        extra_operations: ExtraOperations | None = None,
    ) -> None:
        super().__init__(attempt, position, name, options.kind)
        self.function = function
        self.args = args
        self.arguments = ""
        self.options = options
        self.extra_operations = extra_operations
        self.number = attempt.replay.number_of(position)
        self.opened: int | None = None
        self.attempt = 0
        self.failure: Failure | None = None
        self.recorded = False
        self.began: float | None = None
        self.began_after = 0.0
        self.timeout: StepTimeout | None = None
        self.outlived = False

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run_attempt.run.run_id

    @property
    def token(self) -> int:
        """The lease's token, so that an outside service can fence too."""
        return self.run_attempt.lease.token

    @property
    def idempotency_key(self) -> str:
        """The same for each attempt, retry and takeover, so that another service can refuse a second call."""
        run = self.run_attempt.run
        return idempotency_key(run.tenant, run.run_id, self.position)

    async def run(self, branch: Branch) -> R:
        record = self.run_attempt.visit(self, self.options.fingerprint)
        data = None
        if record is None:
            facts = facts_of(self.function, self.options.as_)
            if facts.obstacle is not None:
                raise NotStorable(f"step {self.name!r}{facts.obstacle.path}", facts.obstacle.reason)
            self.decoder = facts.decoder
        else:
            if record.status == "failed":
                raise step_error(self.name, self.position, record.failure or _UNKNOWN, record.attempts)
            facts = facts_now(self.run_attempt, record, self.function, self.options.as_)
            self.decoder = facts.decoder
            data = (record.result or b"null") if record.status == "completed" else await self._resume(record)
        while data is None:
            data = await self._attempt(branch, facts)
        return recorded_by(self.run_attempt, self.position, f"result of step {self.name!r}", data, facts.decoder)

    async def _attempt(self, branch: Branch, facts: Facts) -> bytes | None:
        """One attempt; its encoded value, or None where another one follows.

        One coroutine for the way that nearly all take: caches are cold after fsync,
        and every call of ours costs several times what it costs in a loop.
        """
        attempt, options = self.run_attempt, self.options
        host, is_async = attempt.host, facts.is_async
        if not attempt.may_start:
            await attempt.until_held()
        self.attempt += 1
        self.recorded = False
        if self.began is None:  # a step took as long as all its attempts, and the pauses between them
            self.began = host.clock.timestamp()
        self.began_after = host.clock.elapsed()
        if options.in_doubt != "retry":  # it may not simply run again: its intent is durable before the effect
            self.recorded = True
            await attempt.commit(PutStep(self.record("running")))
        timeout = StepTimeout(host.clock, options.timeout, branch) if options.timeout is not None else None
        self.timeout = timeout
        branch.step = attempt.running[self.position] = self
        try:
            try:
                if timeout is not None:
                    value = await self._call_within(timeout, is_async=is_async)
                else:
                    value = await self._call(is_async=is_async)
            finally:  # only meanwhile is it running: a pause before the next attempt is none of it
                branch.step = None
                del attempt.running[self.position]
        except Unwind:
            raise
        except BaseException as error:  # whatever a step's function raises is the step's failure
            if not is_of_user_code(error, branch):
                raise
            raised = error
        else:
            data = stored(value, "", host.store.abilities.max_value, facts.loss)
            if not isinstance(data, bytes):
                return await self._unstorable(data)
            await self._end(self.record("completed", result=data))
            return data
        return await self._raised(raised, timeout, branch)

    async def _unstorable(self, error: InputError) -> None:
        """The effect has happened: the step fails for good, and is never run again because of its result."""
        result = f"result of step {self.name!r}"
        failure = failure_from(error, "not_storable")
        fields: dict[str, Value] = failure.data or {}
        named = fields | {"field": f"{result}{error.field}"}
        await self._fail(msgspec.structs.replace(failure, message=f"{result}{failure.message}", data=named))

    async def call_in_thread(self, function: Callable[..., Value], *args: Value, **kwargs: Value) -> Value:
        """Call a synchronous function in a thread. The step's time begins when the function does.

        Nothing can cancel it. Where its run is released or parked meanwhile, its outcome is waited for and committed
        before that; one that is there already is taken, whoever has cancelled the step.
        Raises: ThreadsExhausted.
        """
        attempt, timeout = self.run_attempt, self.timeout
        if timeout is not None:
            timeout.stop()
        pool = attempt.host.pool
        began = None if timeout is None else timeout.start
        calling = pool.start(partial(function, *args, **kwargs), began, of=f"{named(self)} of run {self.run_id}")
        calling.is_kept = partial(self._is_kept, asyncio.current_task())
        try:
            try:
                value = await calling
            except asyncio.CancelledError:
                if calling.cancelled():
                    if pool.abandon(calling) and attempt.halt is not None:
                        calling.when_ended = attempt.effects.go_on(calling, named(self))
                    raise
                self.outlived = True
                value = calling.result()
        except Carried as carried:
            raise carried.error from None
        if self.outlived and inspect.iscoroutine(value):  # only begun, and the rest of it would not be cancelled
            value.close()
            self.outlived = False
            raise asyncio.CancelledError
        return await value if inspect.isawaitable(value) else value

    def _is_kept(self, task: asyncio.Task[Value] | None) -> bool:
        """Whether a function that goes on in a thread holds its run: another worker would call it once more."""
        halt = self.run_attempt.halt
        return getattr(task, "is_released", False) if halt is None else halt.kind in HELD

    def _call(self, *, is_async: bool) -> Awaitable[Value]:
        return self.function(*self.args) if is_async else self.call_in_thread(self.function, *self.args)

    async def _call_within(self, timeout: StepTimeout, *, is_async: bool) -> Value:
        """Call it, and let the clock that was passed in, not the loop's, say when it has run too long."""
        with timeout:
            return await self._call(is_async=is_async)

    async def _raised(self, error: BaseException, timeout: StepTimeout | None, branch: Branch) -> bytes | None:
        task = branch.task
        was_cancelled = is_of(error, asyncio.CancelledError)
        is_halted = self.run_attempt.halt is not None and not self.outlived
        if is_halted or (was_cancelled and task is not None and task.is_cut_off):
            return await self._cut_off()
        if was_cancelled and task is not None:
            task.forgive()  # the function has cancelled its own task, or raised it
        if timeout is not None and timeout.expired:
            return await self._timed_out(error)
        return await self._failed(error)

    async def _failed(self, error: BaseException) -> None:
        """Wait for the next attempt, or raise for good."""
        pause = None
        if is_of(error, Exception):  # whoever raises something else does not ask for another try
            pause = pause_of(self.options.retry, self._failed_before + 1, error, random_share())
        failure = pause if isinstance(pause, Failure) else failure_from(error)
        if pause is None or isinstance(pause, Failure):
            await self._fail(failure, error)
        else:
            await self._wait(failure, pause)

    async def _timed_out(self, error: BaseException) -> bytes | None:
        """A timeout leaves the attempt in doubt: repeated only where that does no harm."""
        failure = Failure(cause_type="TimeoutError", message=f"no end after {self.options.timeout} s", reason="timeout")
        if self.options.repeatable:
            pause = pause_of(self.options.retry, self._failed_before + 1, error, random_share())
            if isinstance(pause, Failure):
                failure = msgspec.structs.replace(failure, message=f"{failure.message}; {pause.message}")
            elif pause is not None:
                await self._wait(failure, pause)
                return None
        elif self.options.in_doubt == "ask":
            return await self._ask("it did not end in time")
        await self._fail(failure)
        return None

    @property
    def _failed_before(self) -> int:
        """How many attempts have failed: only these count against the policy, and no interruption does."""
        return self.failure.failed or 0 if self.failure is not None else 0

    async def _wait(self, failure: Failure, pause: float) -> None:
        retry_at = self.run_attempt.now() + timedelta(seconds=min(pause, MAX_SECONDS))
        self.failure = msgspec.structs.replace(failure, failed=self._failed_before + 1)
        record = self.record("running", retry=retry_at.timestamp())
        await self.run_attempt.commit(PutStep(record))
        if pause > 0:
            await park(self.run_attempt, self.position, keys.retry(self.position), retry_at)

    async def _cut_off(self) -> bytes | None:
        """The effect was cancelled, by the end of this attempt or by the workflow itself: it is in doubt."""
        halt = self.run_attempt.halt
        if halt is None or halt.kind != "lost":
            await self._end(self.record("in_doubt"))
        self.run_attempt.check()
        raise StepAborted(self.name, self.position)

    async def _resume(self, record: StepRecord) -> bytes | None:
        """Go on from an earlier attempt: wait for the next one's time, or decide on one in doubt."""
        self.attempt = record.attempts
        self.began = record.started
        self.opened = record.opened
        self.failure = record.failure
        if self.failure is not None and self.failure.failed is None:
            # written when every attempt counted: what is above the policy's number was reopened by a restart
            self.failure = msgspec.structs.replace(self.failure, failed=record.attempts % self.options.retry.attempts)
        retry_at = record.retry_at
        if retry_at is not None:
            if retry_at > self.run_attempt.now():
                await park(self.run_attempt, self.position, keys.retry(self.position), retry_at)
            return None
        if self.options.in_doubt == "fail":
            message = "it began, and nobody saw its end"
            await self._fail(Failure(cause_type="InDoubt", message=message, reason="in_doubt"))
        return await self._ask("nobody saw its end") if self.options.in_doubt == "ask" else None

    async def _ask(self, why: str) -> bytes | None:
        """A person decides; the value given, or None for another attempt."""
        decision = decision_of(await ask(self.run_attempt, self, why, self.decoder))
        if decision.choice == "value":
            data = bytes(decision.value)
            # before it is committed: what does not fit is no outcome, and would be the last one
            recorded_by(self.run_attempt, self.position, f"value given for step {self.name!r}", data, self.decoder)
            await self._end(self.record("completed", result=data))
            return data
        if decision.choice == "failed":
            words = said_with(decision)
            message = f"in doubt, decided as failed: {words or why}"
            await self._fail(Failure(cause_type="InDoubt", message=message, reason="in_doubt", data={DECIDED: words}))
        self.failure = None  # who says so gives the policy's number again
        return None

    async def _fail(self, failure: Failure, cause: BaseException | None = None) -> None:
        """End as failed, and raise it."""
        record = self.record("failed", failure=failure)
        await self._end(record)
        raise step_error(self.name, self.position, failure, record.attempts) from cause

    async def _end(self, record: StepRecord) -> None:
        """Commit the end with whatever lands with it. To be cancelled here takes nothing back."""
        attempt = self.run_attempt
        put, extra = PutStep(record), self.extra_operations
        try:
            if extra is None:
                await attempt.commit(put)
            else:
                await attempt.log.commit(lambda seq: (put, *extra(record, seq)))
        except asyncio.CancelledError:
            attempt.check()
            raise StepAborted(self.name, self.position) from None
        attempt.host.step_ended(attempt.run.run_id, record)
        if attempt.halt is not None:
            attempt.check()  # the workflow's own code goes no further

    def record(
        self,
        status: StepStatus,
        *,
        result: bytes | None = None,
        failure: Failure | None = None,
        retry: float | None = None,
        opened: int | None = None,
    ) -> StepRecord:
        """The step's record as it is now; what streams says where its lane began.

        Shape: one that has not ended carries the last failure, with the number of those that count.
        """
        now = self.run_attempt.host.clock.timestamp()
        if opened is not None:
            self.opened = opened
        record = self.run_attempt.replay.written[self.position] = StepRecord(
            position=self.position,
            number=self.number,
            name=self.name,
            kind=self.kind,
            status=status,
            attempts=self.attempt,
            fingerprint=self.options.fingerprint,
            result=result,
            failure=failure if status in FINAL else self.failure,
            started=self.began or now,
            completed=None if status == "running" else now,
            retry=retry,
            opened=self.opened,
        )
        return record


_UNKNOWN = Failure(cause_type="Unknown", message="the record holds no failure")
