"""Replaying a run that has completed: the code must agree with the journal, and nothing is executed or written."""

from __future__ import annotations

import asyncio

from perdure.core.clock import Clock
from perdure.core.failures import Failure
from perdure.core.records import RunRecord, RunStatus
from perdure.core.values import Value
from perdure.errors import Divergence, ReplayError
from perdure.runs.attempt import Attempt
from perdure.runs.attempt_end import Settled
from perdure.runs.context import Context
from perdure.runs.halting import Halt
from perdure.runs.journal import Journal
from perdure.runs.lease_holder import LeaseHolder
from perdure.runs.workflow import Workflow
from perdure.stores.port import CommitResult, Operation, Store


class _Replay(Attempt):
    """An attempt that may only repeat."""

    disagreement: ReplayError | None = None

    async def commit(self, *operations: Operation) -> CommitResult:
        raise AssertionError(f"a replay wrote {operations!r}")

    def let_go(self) -> None:
        self.stop(Halt("lost", "its task was cancelled from outside"))

    def diverge(self, error: ReplayError) -> None:
        self.disagreement = error
        self.stop(Halt("lost", str(error)))

    async def _complete(self, value: Value) -> None:  # noqa: ARG002 - the stored result is the result
        self.ending = True

    async def _finish(self, status: RunStatus, *, result: bytes | None = None, failure: Failure | None = None) -> None:  # noqa: ARG002 - nothing is written
        self.ending = True
        if failure is not None:
            self.disagreement = Divergence("the end", "a result", f"{failure.cause_type}: {failure.message}")


async def replay(store: Store, clock: Clock, run: RunRecord, workflow: Workflow[..., Value]) -> None:
    """Raises: Divergence where the code takes another path than the journal of the completed run."""
    loaded = await store.runs.load(run.run_id)
    if loaded is None or run.status != "completed":
        return
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ended(attempt: Attempt, settled: Settled) -> None:  # noqa: ARG001 - the signature is the holder's
        if not ended.done():
            ended.set_result(None)

    # a holder that is never opened: it has no row, no lease and no heartbeat
    holder = LeaseHolder(store, clock, on_ended=on_ended)
    attempt = _Replay(holder, loaded, workflow, Context, holder.ended)
    attempt.journal = Journal(loaded.steps, complete=True)
    attempt.start()
    try:
        await asyncio.shield(ended)
    finally:
        attempt.stop(Halt("lost", "who replays it has gone"))
    if attempt.disagreement is not None:
        raise attempt.disagreement
