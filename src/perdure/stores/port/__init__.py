"""The port: what a store promises, in words. One file a facet, the same names in every back end and in the suite.

Writing is a **commit**: a short tuple of operations that lands whole or not at all. A commit that belongs to a run
carries its lease; it is refused, in the same transaction, when the lease's token is stale. Operations are applied in
order, and each sees what the ones before it wrote. What a commit gives back is one result per operation.

Reads are methods of the facets; each is one query at one instant and holds nothing open.
"""

from perdure.stores.port.events import Emit, Emitted, EventReads
from perdure.stores.port.leases import TakeOver, TakeRun
from perdure.stores.port.messages import AddMessage, MessageReads, PutParts, SetMessage
from perdure.stores.port.questions import Answer, Ask, QuestionReads
from perdure.stores.port.queues import Claim, QueueReads
from perdure.stores.port.runs import (
    CancelRun,
    Created,
    CreateRun,
    DeleteRun,
    FinishRun,
    ReleaseRun,
    RestartRun,
    RunReads,
    SealRun,
    SuspendRun,
)
from perdure.stores.port.steps import PutStep, StepReads
from perdure.stores.port.store import Abilities, CommitResult, Operation, Store, Watch
from perdure.stores.port.streams import AppendEntries, CompactEntries, StreamPage, StreamReads
from perdure.stores.port.threads import AddThreadEvent, CreateThread, DeleteThread, StartTurn, ThreadReads, UpdateThread
from perdure.stores.port.workers import RegisterWorker, RenewWorker, RetireWorker, WorkerReads

__all__ = [
    "Abilities",
    "AddMessage",
    "AddThreadEvent",
    "Answer",
    "AppendEntries",
    "Ask",
    "CancelRun",
    "Claim",
    "CommitResult",
    "CompactEntries",
    "CreateRun",
    "CreateThread",
    "Created",
    "DeleteRun",
    "DeleteThread",
    "Emit",
    "Emitted",
    "EventReads",
    "FinishRun",
    "MessageReads",
    "Operation",
    "PutParts",
    "PutStep",
    "QuestionReads",
    "QueueReads",
    "RegisterWorker",
    "ReleaseRun",
    "RenewWorker",
    "RestartRun",
    "RetireWorker",
    "RunReads",
    "SealRun",
    "SetMessage",
    "StartTurn",
    "StepReads",
    "Store",
    "StreamPage",
    "StreamReads",
    "SuspendRun",
    "TakeOver",
    "TakeRun",
    "ThreadReads",
    "UpdateThread",
    "Watch",
    "WorkerReads",
]
