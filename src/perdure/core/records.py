"""What a store keeps, as frozen records.

The collector need not follow those of which there are many (`gc=False`): they hold plain data, so no cycle can.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from perdure.core.clock import instant
from perdure.core.failures import Failure
from perdure.core.manifest import Outcome

RunStatus = Literal["queued", "running", "suspended", "paused", "cancelling", "completed", "failed", "cancelled"]
StepStatus = Literal["running", "completed", "failed", "in_doubt"]
StepKind = str  # logic, llm, tool, readiness, deterministic, event, sleep, child…: a label; replay compares it


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One execution of a workflow, and who may write to it.

    Shape: `token` grows with each takeover, `rev` with each commit of the holder, `inbox` with everything that comes
    from outside; `waiting_for` names what a suspended run waits for; `result` is an encoded value.
    """

    run_id: str
    workflow: str
    status: RunStatus
    queue: str = "default"
    project_id: str = "default"
    scenario_id: str | None = None
    tenant: str | None = None
    version: str | None = None
    manifest_hash: str
    seed: str
    tags: dict[str, str] = {}
    token: int = 0
    rev: int = 0
    inbox: int = 0
    worker_id: str | None = None
    takeovers: int = 0
    due_at: datetime | None = None
    waiting_for: tuple[str, ...] = ()
    cancel_reason: str | None = None
    cancel_by: datetime | None = None
    parent_id: str | None = None
    parent_key: str | None = None
    thread_id: str | None = None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    result: bytes | None = None
    failure: Failure | None = None
    outcome: Outcome | None = None


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a run; `position` is its identity.

    Shape: a step with `retry_at` waits for its next attempt; one with `due_at` is a wait with that deadline;
    `result` is an encoded value.
    Units: `started`, `completed`, `due` and `retry` in seconds since the epoch, as stores keep an instant; there are
    too many steps to make datetimes of what nobody reads. With `_at` they are datetimes.
    """

    position: str
    name: str
    kind: StepKind = "logic"
    status: StepStatus
    attempts: int = 1
    fingerprint: str | None = None
    result: bytes | None = None
    failure: Failure | None = None
    started: float
    completed: float | None = None
    due: float | None = None
    retry: float | None = None

    @property
    def started_at(self) -> datetime:
        """When its last attempt began."""
        return datetime.fromtimestamp(self.started, UTC)

    @property
    def completed_at(self) -> datetime | None:
        """When it ended."""
        return instant(self.completed)

    @property
    def due_at(self) -> datetime | None:
        """When its wait ends."""
        return instant(self.due)

    @property
    def retry_at(self) -> datetime | None:
        """When its next attempt begins."""
        return instant(self.retry)


class EventRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was emitted under a key of a run, and by whom where that is known; the first emit stays."""

    run_id: str
    key: str
    payload: bytes
    emitted_at: datetime
    by: str | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a run asks a person; the answer comes to the run as the event `question:ID`."""

    question_id: str
    run_id: str
    kind: str
    prompt: str
    choices: tuple[str, ...] = ()
    position: str | None = None
    asked_at: datetime
    answer: bytes | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None

    @property
    def event_key(self) -> str:
        """The key of the event that carries the answer."""
        return f"question:{self.question_id}"


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A process that executes runs.

    Units: `lease_until` in seconds of lease time of the boot `boot_id`.
    """

    worker_id: str
    host: str = ""
    pid: int = 0
    process_token: str = ""
    boot_id: str = ""
    lease_until: float
    queues: tuple[str, ...] = ()
    started_at: datetime
    renewed_at: datetime


class Lease(msgspec.Struct, frozen=True, gc=False):
    """The right to write to a run: every write carries it, and is refused when the token is stale."""

    run_id: str
    worker_id: str
    token: int


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """A run with what its replay needs, read at one instant.

    Shape: steps in no order; `events` are those of the run; `head` is the last seq of its stream, 0 when empty.
    """

    run: RunRecord
    manifest: bytes
    steps: tuple[StepRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()
    head: int = 0
