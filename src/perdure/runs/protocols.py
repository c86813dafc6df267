"""What an attempt is made of and stands on, as far as it needs to know: calls and waits know it, not it them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from perdure.core.clock import Clock
from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.operations import HolderOperation
from perdure.core.records import EventRecord, RunRecord, RunStatus, StepRecord, StepStatus
from perdure.core.values import Value
from perdure.runs.halting import Halt
from perdure.runs.pool import Pool
from perdure.stores.port import Store
from perdure.streams import LogWriter

if TYPE_CHECKING:
    from perdure.runs.options import StepOptions

R = TypeVar("R")
ExtraOperations: TypeAlias = Callable[[StepRecord, int], tuple[HolderOperation, ...]]
"""What else is committed with a step's end: asked for with its record, and the seq that its first entry gets."""

EndOperations: TypeAlias = Callable[[RunStatus, Failure | None, int], tuple[HolderOperation, ...]]
"""What else is committed with the run's end: asked for with its status, its failure, and the seq of its first entry."""


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


def named(call: Called) -> str:
    """A step in a line of the log: its name and its position."""
    return f"step {call.name!r} ({call.position})"


class StepInfo(Called, Protocol):
    """A step while its function runs: what the function may know of it.

    Shape: `attempt` is from 1; `token` grows with every takeover, so that an outside service can fence by it;
    `idempotency_key` is the same for each attempt, retry and takeover, so that one can refuse a second call;
    `recorded` says whether the attempt shows in the store, `began_after` when it began, in elapsed seconds;
    `arguments` is what it was called with, as a person reads it, where whoever made it has said so.
    """

    arguments: str
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

    def record(self, status: StepStatus, *, opened: int | None = None) -> StepRecord:
        """The step's record as it is now; `opened` is the seq at which its lane began."""
        ...


class RunningStep(StepInfo, Awaitable[Value], Protocol):
    """A step that a layer above has made: awaited for its value; `opened` is where an earlier attempt's lane began."""

    opened: int | None

    async def call_in_thread(self, function: Callable[..., Value], *args: Value, **kwargs: Value) -> Value:
        """Call a synchronous function in a thread, within the step's time."""
        ...


class RunContext(Protocol):
    """All that layers above know of an attempt: what an engine with a journal of its own would have to give them."""

    @property
    def run(self) -> RunRecord:
        """The run as it was claimed."""
        ...

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...

    @property
    def tenant(self) -> str | None:
        """The run's tenant."""
        ...

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        ...

    @property
    def log(self) -> LogWriter:
        """What gives entries of the run's log their seqs."""
        ...

    @property
    def max_value(self) -> int:
        """How many bytes one value may have."""
        ...

    def version(self) -> int:
        """A number that rises with each call, over all holders of the run: for what they write in place."""
        ...

    def is_final(self, record: StepRecord) -> bool:
        """Whether a record is its step's last word: one in doubt may be decided or run again, unless its run ends."""
        ...

    async def read(self, ask: Callable[[Store], Awaitable[R]]) -> R:
        """Read from the store; tried again while it can't be reached."""
        ...

    def step_with(
        self,
        name: str,
        function: Callable[..., Value],
        args: tuple[Value, ...],
        options: StepOptions,
        extra_operations: ExtraOperations | None = None,
    ) -> RunningStep:
        """A step whose end is committed with more than its result."""
        ...

    def end_with(self, extra_operations: EndOperations) -> None:
        """What is committed with the run's end."""
        ...

    def gather(self, *items: Callable[[], Awaitable[Value]]) -> Awaitable[list[Value]]:
        """Run functions side by side."""
        ...


class BranchOwner(Protocol):
    """Whose branch it is: one attempt."""

    @property
    def is_halted(self) -> bool:
        """Whether the attempt is over, for whatever reason."""
        ...

    def release(self, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody has cancelled one of its tasks whom nobody has asked to: release the run."""
        ...

    def look_at(self, task: asyncio.Task[Value]) -> None:
        """A task that used the context without being one of its own has ended: fail the run if nobody awaits it."""
        ...


class Waiting(Protocol):
    """A parked task's wait."""

    @property
    def key(self) -> str:
        """The key that settles it (`core.keys`)."""
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

    async def until_held(self) -> None:
        """Wait until it does; a lease that was not renewed in time may still be."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, by the clock."""
        ...


class StoreUser(Protocol):
    """Who asks the store again and again."""

    @property
    def host(self) -> LeaseTerm:
        """Whose lease it is."""
        ...

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...

    @property
    def is_given_up(self) -> bool:
        """Whether there is no use in asking any more."""
        ...

    def stop(self, halt: Halt) -> None:
        """The lease is lost."""
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

    def spawn(self, work: Coroutine[Value, Value, Value]) -> asyncio.Task[Value]:
        """Run something in the background; what it raises is logged."""
        ...
