"""Workers: registered, renewed, retired."""

from __future__ import annotations

import msgspec

from perdure.core import topics
from perdure.core.decisions.changes import RemoveWorker, WriteWorker
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import GetLeaseTime, GetLife, GetOwned, GetOwnedKeys, GetWorker, HasTombstone, Life
from perdure.core.decisions.takeovers import counts, empty_worker, incarnation_id, remove_worker
from perdure.core.decisions.transitions import give_back
from perdure.core.operations.workers import RegisterWorker, RenewWorker, RetireWorker
from perdure.core.records import RunRecord, WorkerRecord
from perdure.errors import SettingInvalid, WorkerExpired


def register_worker(draft: Draft, operation: RegisterWorker) -> Decision[bool]:
    """Decide RegisterWorker."""
    known: WorkerRecord | None = yield GetWorker(operation.worker_id)
    if known is not None and known.incarnation == operation.incarnation:
        return False
    if (yield HasTombstone(None, "worker", incarnation_id(operation))):
        raise WorkerExpired(operation.worker_id)
    if known is not None:
        life: Life = yield GetLife(known)
        if life == "alive":
            raise SettingInvalid("worker_id", f"another process is the worker {operation.worker_id!r}")
        died = yield from counts(life)
        _, is_more = yield from empty_worker(draft, known, operation.at, operation.limit, died=died)
        if is_more:
            return True
    lease_now, boot_id = yield GetLeaseTime()
    worker = WorkerRecord(
        worker_id=operation.worker_id,
        incarnation=operation.incarnation,
        host=operation.host,
        pid=operation.pid,
        process_token=operation.process_token,
        boot_id=boot_id,
        lease_until=lease_now + operation.lease_for,
        stall_until=lease_now + max(operation.stall_limit, operation.lease_for),
        stall_limit=operation.stall_limit,
        queues=operation.queues,
        started_at=operation.at,
        renewed_at=operation.at,
    )
    draft.add(WriteWorker(worker, is_new=True))
    draft.topics.add(topics.WORKERS)
    return False


def renew_worker(draft: Draft, operation: RenewWorker) -> Decision[tuple[tuple[str | None, str], ...]]:
    """Decide RenewWorker."""
    worker: WorkerRecord | None = yield GetWorker(operation.worker_id)
    lease_now, boot_id = yield GetLeaseTime()
    if worker is None or worker.incarnation != operation.incarnation or worker.boot_id != boot_id:
        raise WorkerExpired(operation.worker_id)
    if operation.beat > worker.beat:
        renewed = msgspec.structs.replace(
            worker,
            lease_until=lease_now + operation.lease_for,
            stall_until=lease_now + max(worker.stall_limit, operation.lease_for),
            beat=operation.beat,
            renewed_at=operation.at,
        )
        draft.add(WriteWorker(renewed))
    if operation.executing is None:
        return ()
    named: list[tuple[str | None, str]] = yield GetOwnedKeys(operation.worker_id)
    return tuple(key for key in named if key not in operation.executing)


def retire_worker(draft: Draft, operation: RetireWorker) -> Decision[bool]:
    """Decide RetireWorker. Where another process has removed the row, what this one still holds goes all the same."""
    worker: WorkerRecord | None = yield GetWorker(operation.worker_id)
    if worker is None:
        draft.add(RemoveWorker(operation.worker_id, died=False))
        return False
    if worker.incarnation != operation.incarnation:
        return False
    owned: list[RunRecord] = yield GetOwned(operation.worker_id, operation.limit + 1)
    for run in owned[: operation.limit]:
        yield from give_back(draft, draft.know(run), operation.at, token=run.token + 1)
    if len(owned) > operation.limit:
        return True
    remove_worker(draft, worker, operation.at, died=False)
    return False
