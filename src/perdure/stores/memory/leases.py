"""Leases in memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import Lease, Loaded, RunRecord
from perdure.core.states import OWNED
from perdure.errors import LeaseHeld, LeaseLost, RunStateWrong
from perdure.stores import topics
from perdure.stores.memory.edges import find, move
from perdure.stores.memory.runs import loaded
from perdure.stores.memory.state import State
from perdure.stores.memory.workers import is_over, live
from perdure.stores.port import TakeOver, TakeRun


def guard(state: State, lease: Lease) -> None:
    """The fence, and the count of the holder's commits. Raises: LeaseLost."""
    run = state.runs.get(lease.run_id)
    if run is None or run.token != lease.token or run.worker_id != lease.worker_id or run.status not in OWNED:
        raise LeaseLost(lease.run_id, lease.token)
    state.runs[run.run_id] = msgspec.structs.replace(run, rev=run.rev + 1)


def take_run(state: State, operation: TakeRun) -> Loaded:
    """Apply TakeRun."""
    live(state, operation.worker_id, operation.lease_now)
    run = find(state, operation.run_id)
    if run.status not in {"queued", "suspended", "running"}:
        raise RunStateWrong(run.run_id, run.status, "only one that is queued, suspended or running can be leased")
    if run.worker_id not in {None, operation.worker_id}:
        _refuse_if_held(state, run, operation)
        at = operation.at
        run = move(state, run, "takeover", at, takeovers=run.takeovers + 1, worker_id=None, due_at=at)
    return loaded(state, leased(state, run, operation.worker_id, operation.at))


def leased(state: State, run: RunRecord, worker_id: str, at: datetime) -> RunRecord:
    """The run, leased to a worker with a raised token; a worker may hold it already."""
    token = run.token + 1
    if run.status != "running":
        return move(state, run, "claim", at, token=token, worker_id=worker_id, due_at=None, waiting_for=())
    state.runs[run.run_id] = again = msgspec.structs.replace(run, token=token, updated_at=at)
    return again


def take_over(state: State, operation: TakeOver) -> list[str]:
    """Apply TakeOver."""
    worker = state.workers.get(operation.worker_id)
    if worker and operation.registered not in {None, worker.started_at}:
        return []
    if worker and not operation.proven and not is_over(worker, operation.lease_now, operation.boot_id):
        return []
    runs = [run for run in state.runs.values() if run.worker_id == operation.worker_id]
    for run in runs:
        _take_from(state, run, operation)
    state.workers.pop(operation.worker_id, None)
    state.news.add(topics.WORKERS)
    return [run.run_id for run in runs]


def _refuse_if_held(state: State, run: RunRecord, operation: TakeRun) -> None:
    holder = state.workers.get(run.worker_id or "")
    if holder is not None and not is_over(holder, operation.lease_now, operation.boot_id):
        left = timedelta(seconds=holder.lease_until - operation.lease_now)
        raise LeaseHeld(run.run_id, holder.worker_id, operation.at + left)


def _take_from(state: State, run: RunRecord, operation: TakeOver) -> None:
    at, token, takeovers = operation.at, run.token + 1, run.takeovers + 1
    if run.status == "running" and takeovers > operation.max_takeovers:
        message = f"{takeovers} workers in a row died executing it, without a step between them"
        failure = Failure(cause_type="Poisoned", message=message, reason="poisoned")
        move(state, run, "fail", at, token=token, takeovers=takeovers, failure=failure)
    else:
        move(state, run, "takeover", at, token=token, takeovers=takeovers, worker_id=None, due_at=at)
