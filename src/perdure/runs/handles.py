"""A run's handle: cheap, made from an id in any process, and true to what the store says."""

from __future__ import annotations

from datetime import timedelta
from typing import Generic, TypeVar

import msgspec

from perdure.core import keys, topics
from perdure.core.clock import seconds
from perdure.core.failures import Failure
from perdure.core.given import given_text
from perdure.core.ids import check_id, new_id
from perdure.core.operations import DeleteRun, Emit, Emitted, FailRun, RestartRun
from perdure.core.records import RunRecord, StepRecord
from perdure.core.states import ENDED
from perdure.core.values import Value, encode
from perdure.errors import RunCancelled, RunFailed, RunNotFound, RunStateWrong
from perdure.runs.access import Access
from perdure.runs.fitting import fitting
from perdure.runs.stopping import stop_run
from perdure.stores.outages import read_again

R = TypeVar("R")


class Run(Generic[R]):
    """One run, to ask about and to act on. Holds no connection."""

    def __init__(self, access: Access, run_id: str, returns: Value = None) -> None:
        self._access = access
        self._store = access.store
        self._clock = access.clock
        self._returns = returns
        self.id = check_id("run_id", run_id)

    async def record(self) -> RunRecord:
        """The run as it is now. Raises: RunNotFound."""
        await self._access.check("run.read", self.id)
        run = await self._store.runs.get(self.id, tenant=self._access.tenant)
        if run is None:
            raise RunNotFound(self.id)
        return run

    async def steps(self) -> list[StepRecord]:
        """Its steps, in the order of their positions. Raises: RunNotFound."""
        await self._access.check("run.read", self.id)
        tenant = self._access.tenant
        steps = await self._store.steps.list(self.id, tenant=tenant)
        if not steps and await self._store.runs.status(self.id, tenant=tenant) is None:
            raise RunNotFound(self.id)
        return steps

    async def wait(self) -> RunRecord:
        """Wait for its end, wherever it runs; the record. Once it waits, an outage of the store is waited out.

        Raises: RunNotFound; StoreUnavailable where the store can't be reached at the beginning.
        """
        tenant = self._access.tenant
        watch = self._store.watch(topics.end(tenant, self.id))
        try:
            status = await self._store.runs.status(
                self.id, tenant=tenant
            )  # a small read, where most have not ended yet
            if status is not None and status not in ENDED:
                await watch.wait()
            while (run := await read_again(self._clock, self.record)).status not in ENDED:
                await watch.wait()
            return run
        finally:
            watch.close()

    async def result(self) -> R:
        """Wait for its end, and give its result.

        Raises: RunFailed with what its function raised; RunCancelled; RunNotFound.
        """
        return outcome_of(await self.wait(), self._returns)

    async def emit_event(self, key: str, payload: Value = None) -> bool:
        """Emit an event to it; true when it was the first with its key.

        A run that has ended keeps it, and finds it when it is restarted. Raises: RunNotFound.
        """
        emit = Emit(
            tenant=self._access.tenant,
            run_id=self.id,
            key=keys.event(check_id("key", key)),
            payload=encode(payload, "payload"),
            at=self._clock.now(),
            emit_id=new_id("emit"),
            by=self._access.principal,
        )
        await self._access.check("run.emit", self.id)
        emitted: Emitted = await self._store.execute(emit)
        return emitted.accepted

    async def cancel(self, reason: str = "", *, within: timedelta | float = 5.0) -> RunRecord:
        """Cancel it and its children; returns when it has ended, at the latest after `within`, even with a dead owner.

        A run that has ended stays as it is.
        Raises: RunNotFound; InputError for a reason that is no text.
        """
        given_text("reason", reason)
        await self._access.check("run.cancel", self.id)
        return await stop_run(self._access, self.id, reason, seconds(within, "within"))

    async def restart(self) -> None:
        """Queue it again after a failure; the steps that it failed with are tried again, no other one is.

        A step whose result could not be stored is not tried again: its effect has happened. Nor is one on whose failure
        the workflow has acted, by a step that compensates, say: what it did stands, and so does the failure, of which
        the run fails again unless its code has changed. Start another run to begin anew.
        Raises: RunStateWrong where it has not failed; TurnSuperseded for a turn that a later one of its thread follows;
        RunNotFound.
        """
        await self._access.check("run.restart", self.id)
        run = await self.record()
        failed = [one for one in run.failure.positions if one not in run.failure.settled] if run.failure else []
        steps = {step.position: step for step in await self.steps()} if failed else {}
        reopen = tuple(position for position in failed if not _has_happened(steps.get(position)))
        if run.status != "failed":
            raise RunStateWrong(self.id, run.status, "only a failed run is restarted")
        tenant, life = self._access.tenant, run.life + 1
        await self._store.execute(
            RestartRun(tenant=tenant, run_id=self.id, at=self._clock.now(), life=life, reopen=reopen)
        )

    async def fail(self, reason: str | None = None) -> RunRecord:
        """Fail it, where no worker has it: a run that is parked, say, because no code agrees with its journal.

        A run that has ended stays as it is. Why it was parked stays its failure; a `reason` is told before that.
        Raises: RunNotFound; RunStateWrong where a worker has it: cancel it.
        """
        if reason is not None:
            given_text("reason", reason)
        await self._access.check("run.fail", self.id)
        failure = (await self.record()).failure
        if failure is None:
            failure = Failure(cause_type="GivenUp", message=reason or "given up", reason="given_up")
        elif reason is not None:
            failure = msgspec.structs.replace(failure, message=f"{reason}: {failure.message}")
        tenant = self._access.tenant
        return await self._store.execute(FailRun(tenant=tenant, run_id=self.id, at=self._clock.now(), failure=failure))

    async def delete(self) -> None:
        """Delete it with its steps, events and stream, where it has ended; never a message. Its id is not used again.

        Raises: RunNotFound; RunStateWrong where it has not ended.
        """
        await self._access.check("run.delete", self.id)
        await self._store.execute(DeleteRun(tenant=self._access.tenant, run_id=self.id, at=self._clock.now()))


def outcome_of(run: RunRecord, returns: Value) -> Value:
    """The result of an ended run. Raises: RunFailed, RunCancelled; TypeMismatch where it does not fit the type."""
    if run.status == "completed":
        return fitting("the end", f"result of run {run.run_id!r}", run.result or b"null", returns)
    if run.status == "cancelled":
        raise RunCancelled(run.run_id, run.cancel_reason or "")
    failure = run.failure or Failure(cause_type="Unknown", message="the record holds no failure")
    raise run_failed(run.run_id, failure)


def run_failed(run_id: str, failure: Failure) -> RunFailed:
    """The exception of a run's failure."""
    return RunFailed(
        run_id,
        failure.cause_type,
        failure.message,
        failure.reason,
        failure.code,
        failure.data,
        step=failure.step,
        position=failure.positions[0] if failure.step and failure.positions else "",
        causes=failure.causes,
    )


def _has_happened(step: StepRecord | None) -> bool:
    return step is not None and step.failure is not None and step.failure.reason == "not_storable"
