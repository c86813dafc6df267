"""Replaying a run that has completed: the code must agree with the journal, and nothing is executed or written."""

from __future__ import annotations

import asyncio

from perdure.core.clock import Clock
from perdure.core.operations import ClaimedRun, CommitResult, FinishRun, HolderOperation
from perdure.core.records import RunRecord
from perdure.core.values import Value
from perdure.errors import Divergence, ReplayError
from perdure.runs.attempt import Attempt
from perdure.runs.attempt_end import EndedAs
from perdure.runs.attempt_main import run_main
from perdure.runs.context import Context
from perdure.runs.halting import Halt
from perdure.runs.journal import Replay
from perdure.runs.lease_holder import LeaseHolder
from perdure.runs.workflow import Workflow
from perdure.stores.port import Store


class _Replay(Attempt):
    """An attempt that may only repeat."""

    disagreement: ReplayError | None = None

    async def commit(self, *operations: HolderOperation) -> CommitResult:
        raise AssertionError(f"a replay wrote {operations!r}")

    def release(self, loop: asyncio.AbstractEventLoop) -> None:  # noqa: ARG002 - its tasks end at once
        self.stop(Halt("lost", "its task was cancelled from outside"))

    def diverge(self, error: ReplayError) -> None:
        self.disagreement = error
        self.stop(Halt("lost", str(error)))

    async def finish(self, finish: FinishRun) -> None:
        """The stored result is the result; nothing is written."""
        failure = finish.failure
        if failure is not None:
            self.disagreement = Divergence("the end", "a result", f"{failure.cause_type}: {failure.message}")


async def replay(store: Store, clock: Clock, run: RunRecord, workflow: Workflow[..., Value]) -> None:
    """Raises: Divergence where the code takes another path than the journal of the completed run."""
    manifest = await store.runs.manifest(run.run_id, tenant=run.tenant)
    if manifest is None or run.status != "completed":
        return
    (journal,) = await store.runs.journals([run])
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ended(attempt: Attempt, ended_as: EndedAs) -> None:  # noqa: ARG001 - the signature is the holder's
        if not ended.done():
            ended.set_result(None)

    # a holder that is never opened: it has no row, no lease and no heartbeat
    holder = LeaseHolder(store, clock, on_ended=on_ended)
    attempt = _Replay(holder, ClaimedRun(run, manifest), journal, workflow, Context, holder.ended)
    attempt.replay = Replay(journal.steps, complete=True)
    attempt.start(run_main)
    try:
        await asyncio.shield(ended)
    finally:
        attempt.stop(Halt("lost", "who replays it has gone"))
    if attempt.disagreement is not None:
        raise attempt.disagreement
