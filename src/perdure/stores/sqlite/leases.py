"""Leases in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from perdure.core.clock import instant
from perdure.core.failures import Failure
from perdure.core.records import Loaded, RunRecord
from perdure.core.states import ENDED
from perdure.errors import LeaseHeld, RunStateWrong
from perdure.stores import topics
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.edges import get, move, write
from perdure.stores.sqlite.runs import loaded
from perdure.stores.sqlite.workers import check_live, find_worker, is_over

if TYPE_CHECKING:
    from perdure.stores.port import TakeOver, TakeRun
    from perdure.stores.sqlite.liveness_locks import LivenessLocks
    from perdure.stores.sqlite.transaction import Transaction


def take_run(tx: Transaction, operation: TakeRun, locks: LivenessLocks) -> Loaded:
    """Apply TakeRun."""
    check_live(tx, operation.worker_id, operation.lease_now)
    run = get(tx, operation.run_id)
    if run.status in ENDED or run.status == "cancelling":
        raise RunStateWrong(run.run_id, run.status, "only a run that has not ended can be leased")
    if run.worker_id is not None and run.worker_id != operation.worker_id:
        holder = find_worker(tx, run.worker_id)
        alive = holder and not is_over(holder, operation.lease_now, operation.boot_id)
        if holder and alive and not locks.is_dead(holder.worker_id):
            left = holder.lease_until - operation.lease_now
            raise LeaseHeld(run.run_id, holder.worker_id, instant(operation.at.timestamp() + left))
        run = move(tx, run, "takeover", operation.at, takeovers=run.takeovers + 1, worker_id=None)
    if run.worker_id is None:
        run = move(tx, run, "claim", operation.at, **_leased(run, operation.worker_id))
    else:
        run = _again(tx, run)
    return loaded(tx, run)


def take_over(tx: Transaction, operation: TakeOver, locks: LivenessLocks) -> list[str]:
    """Apply TakeOver."""
    worker = find_worker(tx, operation.worker_id)
    if worker and operation.registered not in {None, worker.started_at}:
        return []
    if worker and not operation.proven and not is_over(worker, operation.lease_now, operation.boot_id):
        return []
    found = tx.rows(f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE worker_id = ?", (operation.worker_id,))
    runs = [rows.run_record(row) for row in found]
    for run in runs:
        _take_from(tx, run, operation)
    tx.run("DELETE FROM workers WHERE worker_id = ?", (operation.worker_id,))
    tx.topics.add(topics.WORKERS)
    locks.forget(operation.worker_id)
    return [run.run_id for run in runs]


def _take_from(tx: Transaction, run: RunRecord, operation: TakeOver) -> None:
    takeovers = run.takeovers + 1
    if run.status == "running" and takeovers > operation.max_takeovers:
        failure = Failure(
            cause_type="Poisoned",
            message=f"{takeovers} workers died executing the same step",
            reason="poisoned",
        )
        move(tx, run, "fail", operation.at, token=run.token + 1, takeovers=takeovers, failure=failure)
    else:
        move(
            tx,
            run,
            "takeover",
            operation.at,
            token=run.token + 1,
            takeovers=takeovers,
            worker_id=None,
            due_at=operation.at,
        )


def _leased(run: RunRecord, worker_id: str) -> dict[str, object]:
    return {"token": run.token + 1, "worker_id": worker_id, "due_at": None, "waiting_for": ()}


def _again(tx: Transaction, run: RunRecord) -> RunRecord:
    token = run.token + 1
    write(tx, run.run_id, {"token": token})
    return msgspec.structs.replace(run, token=token)
