"""Runs: made, suspended, released, ended, cancelled, restarted, deleted.

Each operation takes the edge of `core.states.RUN_EDGES` that its docstring names. Whatever changes the status of a
run that belongs to a thread also adds the thread's `status` event in the same transaction, when the thread's status
changes by it: a run that is not its thread's latest turn changes nothing. Whatever ends a run with a parent and a
`parent_key` emits its outcome (`core.children`) to the parent under that key, in the same transaction; a parent that
is gone is told nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.records import Loaded, RunRecord, RunStatus


class CreateRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Make a queued run, due at once, unless there is one with this id.

    Shape: Created, with the run and whether it was there already. Its `manifest` is kept as it is.
    Raises: RunInputMismatch where the run is there with another `manifest_hash`.
    """

    run_id: str
    workflow: str
    manifest: bytes
    manifest_hash: str
    seed: str
    at: datetime
    queue: str = "default"
    project_id: str = "default"
    scenario_id: str | None = None
    tenant: str | None = None
    version: str | None = None
    tags: dict[str, str] = {}
    parent_id: str | None = None
    parent_key: str | None = None
    thread_id: str | None = None


class Created(msgspec.Struct, frozen=True, gc=False):
    """What CreateRun gives back."""

    run: RunRecord
    existed: bool


class SuspendRun(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lease back and wait: edge `suspend`. Needs the lease.

    Shape: `due_at` is when a timer wakes it, None for never; `waiting_for` names what it waits for. `inbox` is what
    the attempt last read.
    Raises: InboxMoved where something came in since, and the run keeps its lease; no wake-up is ever lost.
    """

    run_id: str
    inbox: int
    at: datetime
    due_at: datetime | None = None
    waiting_for: tuple[str, ...] = ()


class ReleaseRun(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lease back unfinished: edge `release`; due at once. Needs the lease. It counts as no takeover."""

    run_id: str
    at: datetime


class FinishRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """End the run: edge `complete`, `fail` or `seal` by `status`. Needs the lease, and gives it back.

    Shape: `result` is an encoded value. Its stream ends here.
    """

    run_id: str
    status: RunStatus
    at: datetime
    result: bytes | None = None
    failure: Failure | None = None
    outcome: Outcome | None = None


class CancelRun(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the end of a run: edge `cancel` (at once) without an owner, `cancel_owned` with one.

    Shape: the run as it is now. With an owner, `cancel_by` is when anybody may seal it, and the inbox grows. A run
    that has ended or is being cancelled stays as it is. The same is done to its children, and theirs, whatever their
    parents' statuses; parents come first, so that nobody wakes for the end of a child who is to end too.
    Raises: RunNotFound.
    """

    run_id: str
    at: datetime
    cancel_by: datetime
    reason: str = ""


class SealRun(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel a run whose owner let `cancel_by` pass: edge `seal`; raises the token. For anybody.

    Shape: the run as it is now; unchanged where it is not cancelling, or `at` is before `cancel_by`.
    Raises: RunNotFound.
    """

    run_id: str
    at: datetime


class RestartRun(msgspec.Struct, frozen=True, kw_only=True):
    """Queue a failed run again: edge `restart`; due at once, takeovers from 0.

    Shape: the run as it is now. The failed steps at `reopen` are running again, with `retry_at` = `at` and the
    attempts that they had; all others keep their outcome. A child's next end is an event of its own for its parent
    (see `core.children.next_key`).
    Raises: RunNotFound; RunStateWrong where it has not failed.
    """

    run_id: str
    at: datetime
    reopen: tuple[str, ...] = ()


class DeleteRun(msgspec.Struct, frozen=True, kw_only=True):
    """Delete an ended run with its steps, events, questions and stream; never a message.

    Raises: RunNotFound; RunStateWrong where it has not ended.
    """

    run_id: str


class RunReads(Protocol):
    """Reading runs."""

    async def get(self, run_id: str) -> RunRecord | None:
        """The run, or None."""
        ...

    async def load(self, run_id: str) -> Loaded | None:
        """The run with its manifest, steps and events, read at one instant; None where there is none."""
        ...

    async def status(self, run_id: str) -> RunStatus | None:
        """The run's status alone, at a fraction of what `get` costs; None where there is no run."""
        ...

    async def inboxes(self, run_ids: Sequence[str]) -> dict[str, int]:
        """The `inbox` of each of several runs, read at one instant; a run that is not there is missing."""
        ...

    async def overdue(self, at: datetime) -> list[str]:
        """Runs that are being cancelled and whose `cancel_by` is not later than `at`: anybody may seal them."""
        ...

    async def list(
        self,
        *,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        thread_id: str | None = None,
        parent_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Runs without their results, the newest first, ids breaking ties.

        Shape: `before` is (created_at, run_id) of the last one of a page.
        """
        ...
