"""From an operation to its decision, and the driver for a store whose reads answer at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from perdure.core.decisions import claims, events, holder, messages, runs, takeovers, threads, workers
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import Read
from perdure.core.operations import (
    AddMessage,
    AddThreadEvent,
    Answer,
    CancelChildren,
    CancelRun,
    Claim,
    CommitResult,
    CreateRun,
    CreateThread,
    DeleteRun,
    DeleteThread,
    Emit,
    FailRun,
    HolderOperation,
    OutsideOperation,
    RegisterWorker,
    RenewWorker,
    RestartRun,
    RetireWorker,
    SealRun,
    StartTurn,
    TakeOver,
    TakeRun,
    UpdateThread,
)
from perdure.core.records import Lease
from perdure.core.values import Value

T = TypeVar("T")

_OUTSIDE: dict[type, Callable[[Draft, Value], Decision[Value]]] = {
    CreateRun: runs.create_run,
    CancelRun: runs.cancel_run,
    CancelChildren: runs.cancel_children,
    SealRun: runs.seal_run,
    RestartRun: runs.restart_run,
    FailRun: runs.fail_run,
    DeleteRun: runs.delete_run,
    Claim: claims.claim,
    TakeRun: claims.take_run,
    TakeOver: takeovers.take_over,
    RegisterWorker: workers.register_worker,
    RenewWorker: workers.renew_worker,
    RetireWorker: workers.retire_worker,
    Emit: events.emit,
    Answer: events.answer,
    CreateThread: threads.create_thread,
    UpdateThread: threads.update_thread,
    DeleteThread: threads.delete_thread,
    StartTurn: threads.start_turn,
    AddThreadEvent: threads.add_thread_event,
    AddMessage: messages.add_message,
}

ReadRows: TypeAlias = Callable[[Read], Value]
"""Answers a read from a store's rows, at once."""


def decide_outside(draft: Draft, operation: OutsideOperation) -> Decision[Value]:
    """The decision of an outside operation. Raises: what the operation says."""
    return _OUTSIDE[type(operation)](draft, operation)


def decide_holder(draft: Draft, lease: Lease, operations: tuple[HolderOperation, ...]) -> Decision[CommitResult]:
    """The decision of a holder's commit. Raises: LeaseLost, and what the operations say."""
    return holder.commit(draft, lease, operations)


def drive(decision: Decision[T], read: ReadRows) -> T:
    """Answer a decision's reads until it is made."""
    try:
        request = next(decision)
        while True:
            request = decision.send(read(request))
    except StopIteration as end:
        return end.value
