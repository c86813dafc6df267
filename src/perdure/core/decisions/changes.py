"""What a draft may hold. A store writes each with one small statement, in the order in which they stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from perdure.core.chunks import Entry
from perdure.core.decisions.reads import TombstoneKind
from perdure.core.messages import Message, MessageStatus, Part
from perdure.core.records import EventRecord, KeyRecord, Question, RunRecord, StepRecord, UsageRecord, WorkerRecord
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord
from perdure.core.values import Value

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""For WriteTombstone, where nothing may go."""


class InsertRun(NamedTuple):
    """A run that is new, with its manifest."""

    run: RunRecord
    manifest: bytes


class UpdateRun(NamedTuple):
    """A run as it is now; only `fields` have changed."""

    run: RunRecord
    fields: dict[str, Value]


class RemoveRun(NamedTuple):
    """A run with its manifest, steps, events, questions, usage and entries."""

    run: RunRecord


class WriteStep(NamedTuple):
    """A step's row, whatever is there."""

    run: RunRecord
    step: StepRecord


class InsertEvent(NamedTuple):
    """An event that is new; `many` says that its key is a channel's."""

    run: RunRecord
    event: EventRecord
    many: bool = False


class WriteQuestion(NamedTuple):
    """A question, new or changed."""

    question: Question


class InsertEntries(NamedTuple):
    """Entries at the end of a run's log."""

    run: RunRecord
    entries: tuple[Entry, ...]


class RemoveEntries(NamedTuple):
    """The entries of one lane with a seq from `first` to `last`."""

    run: RunRecord
    lane: str
    first: int
    last: int


class WriteWorker(NamedTuple):
    """A worker's row, new or changed; `is_new` where its process registers, and begins to prove its life."""

    worker: WorkerRecord
    is_new: bool = False


class RemoveWorker(NamedTuple):
    """A worker's row; `died` where its process is gone, and so is whatever proved its life."""

    worker_id: str
    died: bool


class WriteKey(NamedTuple):
    """A concurrency key, new or changed."""

    key: KeyRecord


class RemoveKey(NamedTuple):
    """A concurrency key that nobody has and nobody waits for."""

    key: KeyRecord


class InsertThread(NamedTuple):
    """A thread that is new."""

    thread: ThreadRecord


class UpdateThreadRow(NamedTuple):
    """A thread as it is now; only `fields` have changed."""

    thread: ThreadRecord
    fields: dict[str, Value]


class HideThread(NamedTuple):
    """A thread that is deleted, of which forks need turns: readable through them only."""

    thread: ThreadRecord


class RemoveThread(NamedTuple):
    """A thread with its turns, messages, parts and events; not its runs."""

    thread: ThreadRecord


class InsertTurn(NamedTuple):
    """A turn that is new."""

    turn: TurnRecord


class InsertThreadEvent(NamedTuple):
    """A thread's event that is new."""

    event: ThreadEvent


class InsertMessage(NamedTuple):
    """A message that is new, with its parts."""

    message: Message


class WriteParts(NamedTuple):
    """Parts of a message from a place on, each where the one that is there has a lower version."""

    message: Message
    first: int
    parts: tuple[Part, ...]
    version: int


class UpdateMessage(NamedTuple):
    """What is given of a message; None leaves it."""

    message: Message
    at: datetime
    version: int
    status: MessageStatus | None = None
    finish_reason: str | None = None
    model: str | None = None


class InsertUsage(NamedTuple):
    """A row of usage, unless it is there."""

    run: RunRecord
    usage: UsageRecord


class WriteTombstone(NamedTuple):
    """That something was deleted, remembered until an instant; what is older than `at` may go."""

    tenant: str | None
    kind: TombstoneKind
    id: str
    at: datetime
    until: datetime


Row: TypeAlias = (
    InsertRun
    | WriteStep
    | InsertEvent
    | WriteQuestion
    | InsertEntries
    | WriteKey
    | InsertThread
    | HideThread
    | InsertTurn
    | InsertThreadEvent
    | InsertMessage
    | WriteParts
    | InsertUsage
    | WriteTombstone
)
"""What an export is made of: each stands for a row that is there, and none takes one back."""

Change: TypeAlias = (
    Row
    | UpdateRun
    | RemoveRun
    | RemoveEntries
    | WriteWorker
    | RemoveWorker
    | RemoveKey
    | UpdateThreadRow
    | RemoveThread
    | UpdateMessage
)
