"""What a decision may ask for. A store answers each by one small query; the docstring says with what."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from perdure.core.messages import Message
from perdure.core.records import KeyRecord, RunRecord, WorkerRecord

Life: TypeAlias = Literal["own", "alive", "dead", "unknown"]
"""What is proven of a worker's process: that it is this one, that it lives, that it is dead, or nothing."""

TombstoneKind: TypeAlias = Literal["run", "thread", "worker"]


class GetRun(NamedTuple):
    """RunRecord, or None."""

    tenant: str | None
    run_id: str


class GetManifests(NamedTuple):
    """The manifests of runs that are there, in their order: list of bytes."""

    runs: tuple[RunRecord, ...]


class GetStep(NamedTuple):
    """StepRecord of a run by its number, or None."""

    run: RunRecord
    number: int


class GetSteps(NamedTuple):
    """StepRecords of a run at some positions: a list, without those that are not there."""

    run: RunRecord
    positions: tuple[str, ...]


class GetHead(NamedTuple):
    """The last seq of a run's log, 0 when empty: int."""

    run: RunRecord


class GetEntry(NamedTuple):
    """The Entry of a run's log with a seq, or None. Only for a commit that may have landed before."""

    run: RunRecord
    seq: int


class GetOpenEntries(NamedTuple):
    """The plain entries of a run's log, in order of seq: list of Entry. Only at an end without a holder."""

    run: RunRecord


class GetEvent(NamedTuple):
    """EventRecord under a key of a run, or None; of a channel that of one `emit_id`."""

    run: RunRecord
    key: str
    emit_id: str | None = None


class GetChildren(NamedTuple):
    """Children of a run that have not ended and are not being cancelled, the oldest first: list of RunRecord."""

    run: RunRecord
    limit: int


class GetOwned(NamedTuple):
    """Runs that name a worker: list of RunRecord, the oldest claim first."""

    worker_id: str
    limit: int


class GetOwnedKeys(NamedTuple):
    """(tenant, run id) of the runs that name a worker: list."""

    worker_id: str


class GetHolding(NamedTuple):
    """Whether any run names a worker, and those of them with a suspicion: (bool, list of RunRecord)."""

    worker_id: str


class GetClaimed(NamedTuple):
    """The runs that name a worker and a claim: list of RunRecord."""

    worker_id: str
    claim_id: str


class GetClaimable(NamedTuple):
    """Runs of a queue that are claimable at an instant, the longest first: list of RunRecord."""

    queue: str
    workflows: tuple[str, ...]
    at: datetime
    limit: int


class CountRunning(NamedTuple):
    """How many runs of a queue have an owner: int."""

    queue: str


class GetWorker(NamedTuple):
    """WorkerRecord, or None."""

    worker_id: str


class GetLife(NamedTuple):
    """What is proven of a worker's process: Life."""

    worker: WorkerRecord


class GetLeaseTime(NamedTuple):
    """(lease time in seconds, boot id) of now."""


class ProvesDeath(NamedTuple):
    """Whether this store can prove a death at all: bool."""


class GetQuestion(NamedTuple):
    """Question, or None."""

    tenant: str | None
    question_id: str


class GetUnanswered(NamedTuple):
    """The questions of a run without an answer, closed or not: list of Question."""

    run: RunRecord


class GetKey(NamedTuple):
    """KeyRecord, or None."""

    tenant: str | None
    key: str


class GetNextTicket(NamedTuple):
    """The run that waits for a key with the lowest ticket: RunRecord, or None."""

    key: KeyRecord


class GetThread(NamedTuple):
    """ThreadRecord as its row is, with `run_id` of the turn at its head; None where there is none, or it is deleted."""

    tenant: str | None
    thread_id: str


class GetDeletedThread(NamedTuple):
    """ThreadRecord of a thread that is deleted but that a fork still needs, or None."""

    tenant: str | None
    thread_id: str


class GetTurn(NamedTuple):
    """TurnRecord by its number, or None."""

    tenant: str | None
    thread_id: str
    turn: int


class GetTurnOfRun(NamedTuple):
    """TurnRecord of a thread by its run, or None. It may look at all turns: for a run whose row is gone."""

    tenant: str | None
    thread_id: str
    run_id: str


class GetRunsOfTurns(NamedTuple):
    """Runs that are turns of a thread, a deleted one too, the newest turn first: list of RunRecord.

    Shape: with `only_open` those alone that have not ended.
    """

    tenant: str | None
    thread_id: str
    limit: int
    only_open: bool = False


class GetMessage(NamedTuple):
    """Message without its parts, or None."""

    tenant: str | None
    thread_id: str
    message_id: str


class GetPendingCalls(NamedTuple):
    """The tool calls of a message that have no end: list of (place, ToolCallPart)."""

    message: Message


class FindMessage(NamedTuple):
    """Whether a thread has a message with this client's id, or at this place: Message without its parts, or None."""

    tenant: str | None
    thread_id: str
    client_id: str | None
    turn: int
    place: int


class GetThreadEvent(NamedTuple):
    """ThreadEvent by its id, or None."""

    tenant: str | None
    thread_id: str
    event_id: str


class HasTombstone(NamedTuple):
    """Whether something was deleted lately; of a worker, whether an incarnation of it is gone: bool."""

    tenant: str | None
    kind: TombstoneKind
    id: str


class IsEmpty(NamedTuple):
    """Whether the store holds nothing at all: bool."""


class WriteDraft(NamedTuple):
    """None, once what stands in the draft by now has been written: what is read after it sees that."""


Read: TypeAlias = (
    GetRun
    | GetManifests
    | GetStep
    | GetSteps
    | GetHead
    | GetEntry
    | GetOpenEntries
    | GetEvent
    | GetChildren
    | GetOwned
    | GetOwnedKeys
    | GetHolding
    | GetClaimed
    | GetClaimable
    | CountRunning
    | GetWorker
    | GetLife
    | GetLeaseTime
    | ProvesDeath
    | GetQuestion
    | GetUnanswered
    | GetKey
    | GetNextTicket
    | GetThread
    | GetDeletedThread
    | GetTurn
    | GetTurnOfRun
    | GetRunsOfTurns
    | GetMessage
    | GetPendingCalls
    | FindMessage
    | GetThreadEvent
    | HasTombstone
    | IsEmpty
    | WriteDraft
)
