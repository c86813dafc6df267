"""A run's handle: cheap, made from an id in any process, and true to what the store says."""

from __future__ import annotations

from datetime import timedelta
from typing import Generic, TypeVar

from perdure.core.clock import Clock, seconds
from perdure.core.failures import Failure
from perdure.core.ids import check_id
from perdure.core.records import RunRecord, StepRecord
from perdure.core.states import ENDED
from perdure.core.values import Value, decode, encode
from perdure.errors import RunCancelled, RunFailed, RunNotFound
from perdure.runs.stopping import stop_run
from perdure.stores.port import Emit, RestartRun, Store

R = TypeVar("R")


class Run(Generic[R]):
    """One run, to ask about and to act on. Holds no connection."""

    def __init__(self, store: Store, clock: Clock, run_id: str, returns: Value = None) -> None:
        self._store = store
        self._clock = clock
        self._returns = returns
        self.id = check_id("run_id", run_id)

    async def record(self) -> RunRecord:
        """The run as it is now. Raises: RunNotFound."""
        run = await self._store.runs.get(self.id)
        if run is None:
            raise RunNotFound(self.id)
        return run

    async def steps(self) -> list[StepRecord]:
        """Its steps, in the order of their positions. Raises: RunNotFound."""
        steps = await self._store.steps.list(self.id)
        if not steps and await self._store.runs.status(self.id) is None:
            raise RunNotFound(self.id)
        return steps

    async def wait(self) -> RunRecord:
        """Wait for its end, wherever it runs; the record. Raises: RunNotFound."""
        watch = self._store.watch(f"end:{self.id}")
        try:
            status = await self._store.runs.status(self.id)  # a small read, where most have not ended yet
            if status is not None and status not in ENDED:
                await watch.wait()
            while (run := await self.record()).status not in ENDED:
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
        """Emit an event to it; true when it was the first with its key. Raises: RunNotFound."""
        emit = Emit(run_id=self.id, key=check_id("key", key), payload=encode(payload, "payload"), at=self._clock.now())
        (emitted,) = await self._store.commit(emit)
        return emitted.accepted

    async def cancel(self, reason: str = "", *, within: timedelta | float = 5.0) -> RunRecord:
        """Cancel it and its children; returns when it has ended, at the latest after `within`, even with a dead owner.

        A run that has ended stays as it is.
        Raises: RunNotFound; NotStorable for a reason that is no text.
        """
        encode(reason, "reason")
        return await stop_run(self._store, self._clock, self.id, reason, seconds(within, "within"))

    async def restart(self) -> None:
        """Queue it again after a failure; the steps that it failed with are tried again, no other one is.

        A step whose result could not be stored is not tried again: its effect has happened.
        Raises: RunStateWrong where it has not failed; RunNotFound.
        """
        run = await self.record()
        failed = run.failure.positions if run.failure else ()
        steps = {step.position: step for step in await self.steps()} if failed else {}
        reopen = tuple(position for position in failed if not _has_happened(steps.get(position)))
        await self._store.commit(RestartRun(run_id=self.id, at=self._clock.now(), reopen=reopen))


def outcome_of(run: RunRecord, returns: Value) -> Value:
    """The result of an ended run. Raises: RunFailed, RunCancelled."""
    if run.status == "completed":
        return decode(run.result or b"null", returns)
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
