"""What an attempt is made of and stands on, as far as it needs to know: calls and waits know it, not it them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from perdure.core.clock import Clock
from perdure.core.manifest import Outcome
from perdure.core.records import EventRecord, RunRecord, StepRecord, StepStatus
from perdure.core.values import Value
from perdure.runs.halting import Halt
from perdure.runs.pool import Pool
from perdure.stores.port import Store


class Called(Protocol):
    """A call that has its position."""

    @property
    def position(self) -> str:
        """Where it stands."""
        ...

    @property
    def name(self) -> str:
        """What the code calls it."""
        ...

    @property
    def kind(self) -> str:
        """Its label."""
        ...


class StepInfo(Called, Protocol):
    """A step while its function runs: what the function may know of it.

    Shape: `attempt` is from 1; `token` grows with every takeover, so that an outside service can fence by it;
    `idempotency_key` is the same for each attempt, retry and takeover, so that one can refuse a second call;
    `recorded` says whether the attempt shows in the store, `began_after` when it began, in elapsed seconds.
    """

    attempt: int
    recorded: bool
    began_after: float

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...

    @property
    def token(self) -> int:
        """The lease's token."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The step's key."""
        ...

    def record(self, status: StepStatus) -> StepRecord:
        """The step's record as it is now."""
        ...


class BranchOwner(Protocol):
    """Whose branch it is: one attempt."""

    @property
    def is_halted(self) -> bool:
        """Whether the attempt is over, for whatever reason."""
        ...

    def let_go(self) -> None:
        """Somebody has cancelled one of its tasks whom nobody has asked to: release the run."""
        ...

    def look_at(self, task: asyncio.Task[Value]) -> None:
        """A task that used the context without being one of its own has ended: fail the run if nobody awaits it."""
        ...


class Waiting(Protocol):
    """A parked task's wait."""

    @property
    def name(self) -> str:
        """What the run is said to wait for."""
        ...

    @property
    def key(self) -> str | None:
        """The event that settles it."""
        ...

    @property
    def due_at(self) -> datetime | None:
        """The time that settles it."""
        ...

    def settle(self, event: EventRecord | None) -> None:
        """What it waited for is there."""
        ...

    def unwind(self, halt: Halt) -> None:
        """The attempt is over."""
        ...


class LeaseTerm(Protocol):
    """For how long a lease lasts."""

    def holds(self) -> bool:
        """Whether the lease still runs, by this machine's clock."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, by the clock."""
        ...


class AttemptHost(LeaseTerm, Protocol):
    """Who holds the lease of an attempt, and what attempts share.

    Units: `cancel_for` in seconds.
    """

    store: Store
    clock: Clock
    pool: Pool
    default_outcome: Outcome | None
    cancel_for: float

    def raised(self, run: RunRecord, error: BaseException) -> None:
        """The workflow raised."""
        ...

    def step_ended(self, run_id: str, record: StepRecord) -> None:
        """A step's outcome was committed."""
        ...
