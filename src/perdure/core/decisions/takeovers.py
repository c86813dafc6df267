"""Takeovers: runs are taken from a worker that is dead, or whose lease or stall limit has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from perdure.core import suspicion, topics
from perdure.core.decisions.changes import RemoveWorker, WriteTombstone
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import (
    GetLeaseTime,
    GetLife,
    GetOwned,
    GetWorker,
    Life,
    ProvesDeath,
)
from perdure.core.decisions.transitions import FREED, may_clean_up, transition
from perdure.core.operations.leases import TakeOver, TakeRun
from perdure.core.operations.workers import RegisterWorker
from perdure.core.records import TOMBSTONE_FOR, RunRecord, Suspicion, WorkerRecord
from perdure.core.states import RunCause
from perdure.errors import LeaseHeld


def take_over(draft: Draft, operation: TakeOver) -> Decision[tuple[tuple[str | None, str], ...]]:
    """Decide TakeOver."""
    worker: WorkerRecord | None = yield GetWorker(operation.worker_id)
    if worker is None or worker.incarnation != operation.incarnation:
        return ()
    lease_now, boot_id = yield GetLeaseTime()
    life: Life = yield GetLife(worker)
    if not is_dead(worker, lease_now, boot_id, life):
        return ()
    died = yield from counts(life)
    taken, _ = yield from empty_worker(draft, worker, operation.at, operation.limit, died=died)
    return taken


def empty_worker(
    draft: Draft, worker: WorkerRecord, at: datetime, limit: int, *, died: bool
) -> Decision[tuple[tuple[tuple[str | None, str], ...], bool]]:
    """Take so many runs from a worker; its row goes with the last. Shape: what was taken, and whether more are left."""
    lease_now, _ = yield GetLeaseTime()
    owned: list[RunRecord] = yield GetOwned(worker.worker_id, limit + 1)
    is_more = len(owned) > limit
    for run in owned[:limit]:
        yield from _take_from(draft, draft.know(run), at, lease_now, died=died, may_poison=True)
    if not is_more:
        remove_worker(draft, worker, at, died=died)
    return tuple((run.tenant, run.run_id) for run in owned[:limit]), is_more


def remove_worker(draft: Draft, worker: WorkerRecord, at: datetime, *, died: bool) -> None:
    """Remove a worker's row; a late landing of its registration does not bring it back."""
    draft.add(RemoveWorker(worker.worker_id, died=died))
    draft.add(WriteTombstone(None, "worker", incarnation_id(worker), at, at + TOMBSTONE_FOR))
    draft.topics.add(topics.WORKERS)


def incarnation_id(worker: WorkerRecord | RegisterWorker) -> str:
    """What a worker's incarnation is remembered by when it is gone."""
    return f"{worker.worker_id}/{worker.incarnation}"


def is_dead(worker: WorkerRecord, lease_now: float, boot_id: str, life: Life) -> bool:
    """Whether a worker's runs may be taken from it. A reboot ends every lease and every process."""
    if life == "dead" or worker.boot_id != boot_id:
        return True
    return lease_now >= (worker.lease_until if life == "unknown" else worker.stall_until)


def counts(life: Life) -> Decision[bool]:
    """Whether what ended a worker is a death that counts against its runs."""
    if life == "unknown":
        return not (yield ProvesDeath())
    return life == "dead"


def take_from_dead(draft: Draft, run: RunRecord, operation: TakeRun, lease_now: float) -> Decision[RunRecord]:
    """Take a run from its worker, where that is dead. Raises: LeaseHeld where it is not."""
    worker: WorkerRecord | None = yield GetWorker(run.worker_id or "")
    if worker is None:
        return (yield from _take_from(draft, run, operation.at, lease_now, died=False, may_poison=False))
    _, boot_id = yield GetLeaseTime()
    life: Life = yield GetLife(worker)
    if not is_dead(worker, lease_now, boot_id, life):
        left = timedelta(seconds=max(0.0, worker.lease_until - lease_now))
        raise LeaseHeld(run.run_id, worker.worker_id, operation.at + left)
    died = yield from counts(life)
    return (yield from _take_from(draft, run, operation.at, lease_now, died=died, may_poison=False))


def _take_from(
    draft: Draft, run: RunRecord, at: datetime, lease_now: float, *, died: bool, may_poison: bool
) -> Decision[RunRecord]:
    known: Suspicion | None = suspicion.after_death(run, lease_now) if died else run.suspicion
    token = run.token + 1
    if run.status == "cancelling":
        cause: RunCause = "takeover_cleanup" if may_clean_up(run, lease_now) else "takeover"
        return (yield from transition(draft, run, cause, at, token=token, **FREED, ready_at=at))
    failure = suspicion.poisoned_failure(known) if known is not None and may_poison else None
    if failure is not None:
        return (yield from transition(draft, run, "fail", at, token=token, failure=failure))
    return (yield from transition(draft, run, "takeover", at, token=token, **FREED, suspicion=known, ready_at=at))
