"""Operations: the words in which everything is written. A store lands each whole or not at all, and once.

There are two shapes of commit. A **holder's commit** is a tuple of operations on the run whose lease it carries, with
at most one end (suspend, release, finish), which comes last. An **outside operation** stands alone, and anybody may
give it.

Each operation is idempotent under a key of its own, which its docstring names after `Key:`. To land it twice changes
what landing it once changes, and answers the same; so an unknown outcome is answered by landing it again. A landing
checks its own key first, then the lease, then it applies. A commit that contains an end is settled by the end's key
alone. What an operation means for other rows is decided in `core.decisions`.
"""

from __future__ import annotations

from typing import TypeAlias

from perdure.core.operations.events import Emit, Emitted
from perdure.core.operations.leases import Claim, ClaimedRun, TakeOver, TakeRun
from perdure.core.operations.messages import AddMessage, PutParts, PutUsage, SetMessage
from perdure.core.operations.questions import Answer, Ask
from perdure.core.operations.runs import (
    CancelChildren,
    CancelRun,
    CreateRun,
    DeleteRun,
    FailRun,
    FinishRun,
    NoteCleanups,
    ReleaseRun,
    RestartRun,
    SealRun,
    SuspendRun,
)
from perdure.core.operations.steps import PutStep
from perdure.core.operations.streams import AppendEntries, ReplaceLane
from perdure.core.operations.threads import AddThreadEvent, CreateThread, DeleteThread, StartTurn, UpdateThread
from perdure.core.operations.workers import RegisterWorker, RenewWorker, RetireWorker
from perdure.core.values import Value

RunEnd: TypeAlias = SuspendRun | ReleaseRun | FinishRun
"""What ends a holder's hold of its run."""

HolderOperation: TypeAlias = (
    PutStep
    | AppendEntries
    | ReplaceLane
    | Ask
    | Emit
    | CreateRun
    | AddMessage
    | PutParts
    | SetMessage
    | PutUsage
    | NoteCleanups
    | RunEnd
)
"""What a holder may write, under the lease of its run."""

OutsideOperation: TypeAlias = (
    CreateRun
    | CancelRun
    | CancelChildren
    | SealRun
    | RestartRun
    | FailRun
    | DeleteRun
    | Claim
    | TakeRun
    | TakeOver
    | RegisterWorker
    | RenewWorker
    | RetireWorker
    | Emit
    | Answer
    | CreateThread
    | UpdateThread
    | DeleteThread
    | StartTurn
    | AddThreadEvent
    | AddMessage
)
"""What anybody may write."""

Operation: TypeAlias = HolderOperation | OutsideOperation

CommitResult: TypeAlias = tuple[Value, ...]
"""One result per operation of a holder's commit, as its docstring says; None where it says nothing."""

RUN_ENDS = (SuspendRun, ReleaseRun, FinishRun)

__all__ = [
    "RUN_ENDS",
    "AddMessage",
    "AddThreadEvent",
    "Answer",
    "AppendEntries",
    "Ask",
    "CancelChildren",
    "CancelRun",
    "Claim",
    "ClaimedRun",
    "CommitResult",
    "CreateRun",
    "CreateThread",
    "DeleteRun",
    "DeleteThread",
    "Emit",
    "Emitted",
    "FailRun",
    "FinishRun",
    "HolderOperation",
    "NoteCleanups",
    "Operation",
    "OutsideOperation",
    "PutParts",
    "PutStep",
    "PutUsage",
    "RegisterWorker",
    "ReleaseRun",
    "RenewWorker",
    "ReplaceLane",
    "RestartRun",
    "RetireWorker",
    "RunEnd",
    "SealRun",
    "SetMessage",
    "StartTurn",
    "SuspendRun",
    "TakeOver",
    "TakeRun",
    "UpdateThread",
]
