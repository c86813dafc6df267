"""Doctor: every run that is not finished has a live lease, a due timer or a named waiter; what has not is found here.

A run may change while it is looked at. So each finding is judged twice, on a second reading of the run; what is wrong
for a moment only is not reported.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal

import msgspec

from perdure.core.clock import Clock, next_turn
from perdure.core.records import Question, RunRecord, RunStatus, WorkerRecord
from perdure.core.states import ENDED
from perdure.runs.worker import Worker
from perdure.stores.port import EVERY_TENANT, Store
from perdure.stores.reporting import Reporting

UNFINISHED: tuple[RunStatus, ...] = ("queued", "running", "suspended", "paused", "cancelling")
LATE_AFTER = 60.0
PAGE = 500

Life = Literal["live", "lease ended", "dead"]


class Finding(msgspec.Struct, frozen=True):
    """A run that will not go on by itself as things are, or something about the store that one should know."""

    run_id: str
    what: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What doctor found.

    Shape: `queues` are counts by queue and status of runs that have not ended; `questions` are those without an
    answer; `stuck_calls` counts synchronous calls of this process that nobody waits for and that still run.
    """

    made_of: dict[str, str]
    queues: dict[str, dict[str, int]]
    workers: list[tuple[WorkerRecord, Life]]
    questions: list[Question]
    findings: list[Finding]
    stuck_calls: int = 0

    @property
    def is_well(self) -> bool:
        """Whether there are no findings."""
        return not self.findings


async def examine(store: Store, clock: Clock, *, worker: Worker | None = None) -> Health:
    """Look at everything that has not ended; changes nothing. A worker of this process tells of its stuck calls."""
    life = await _life(store)
    findings = list[Finding]()
    async for run in unfinished(store):
        if await _judge(store, clock, run, life) is None:
            continue
        again = await store.runs.get(run.run_id, tenant=run.tenant)
        finding = await _judge(store, clock, again, await _life(store)) if again is not None else None
        if finding is not None:
            findings.append(finding)
    if isinstance(store, Reporting) and (said := store.report()):
        findings.append(Finding("the store", said))
    return Health(
        made_of=store.abilities.made_of,
        queues=await store.queues.counts(),
        workers=list(life.values()),
        questions=await store.questions.list(tenant=EVERY_TENANT),
        findings=findings,
        stuck_calls=worker.holder.pool.stuck if worker is not None else 0,
    )


async def _life(store: Store) -> dict[str, tuple[WorkerRecord, Life]]:
    dead = {dead.worker.worker_id: dead.proven for dead in await store.workers.dead()}
    states: dict[bool | None, Life] = {None: "live", False: "lease ended", True: "dead"}
    return {worker.worker_id: (worker, states[dead.get(worker.worker_id)]) for worker in await store.workers.list()}


async def unfinished(store: Store) -> AsyncIterator[RunRecord]:
    """Every run that has not ended, the newest first."""
    before: tuple[datetime, str] | None = None
    while page := await store.runs.list(tenant=EVERY_TENANT, status=UNFINISHED, before=before, limit=PAGE):
        for run in page:
            yield run
        before = page[-1].created_at, page[-1].run_id
        await next_turn()


async def _judge(
    store: Store, clock: Clock, run: RunRecord, life: dict[str, tuple[WorkerRecord, Life]]
) -> Finding | None:
    if run.status in ENDED or run.status == "paused":
        return None
    if run.is_parked:
        told = "its code and its journal disagree; it goes on with code that agrees, or can be cancelled or failed"
        return Finding(run.run_id, f"it is parked: {told}")
    if run.worker_id is not None:
        return _owned(run, life)
    if run.status == "suspended":
        return await _suspended(store, run) or _due(run, clock, life)
    if run.ticket is not None:
        return None  # another run has its concurrency key, and gives it on
    if run.ready_at is None and run.due_at is None:
        return Finding(run.run_id, f"it is {run.status} and not claimable: no worker will ever claim it")
    return _due(run, clock, life)


async def _suspended(store: Store, run: RunRecord) -> Finding | None:
    events = {event.key for event in await store.events.list(run.run_id, tenant=run.tenant)}
    come = [key for key in run.waiting_for if key in events]
    if come:
        return Finding(run.run_id, f"it waits for {', '.join(come)}, which has come, and was not woken")
    if run.due_at is None and all(key.startswith(("timer:", "retry:")) for key in run.waiting_for):
        return Finding(run.run_id, "it is suspended with no time to be due at, and waits for nothing that can come")
    return None


def _owned(run: RunRecord, life: dict[str, tuple[WorkerRecord, Life]]) -> Finding | None:
    worker = life.get(run.worker_id or "")
    if worker is None:
        return Finding(run.run_id, f"it is {run.status}, and its worker {run.worker_id} is not there")
    if worker[1] != "live":
        hint = "any worker that starts takes it over"
        return Finding(run.run_id, f"it is {run.status}, and its worker {run.worker_id} is gone ({worker[1]}); {hint}")
    return None


def _due(run: RunRecord, clock: Clock, life: dict[str, tuple[WorkerRecord, Life]]) -> Finding | None:
    due_at = run.ready_at or run.due_at
    late = (clock.now() - due_at).total_seconds() if due_at is not None else -1.0
    if run.ready_at is not None:
        late = max(late, 0.0)  # claimable, whatever the clocks say
    if late < 0:
        return None
    if not any(state == "live" and run.queue in worker.queues for worker, state in life.values()):
        return Finding(run.run_id, f"it is due, and no live worker serves queue {run.queue!r}")
    if late > LATE_AFTER:
        why = "the queue is at its limit, or no worker knows the workflow"
        return Finding(run.run_id, f"it is due for {late:.0f} s: {why} {run.workflow!r}")
    return None
