"""What happens while a commit is on its way: an action before it lands, or before its answer is there.

    store = InterleavingStore(await open_store(url))
    plan = store.interleave(Moment(3, "landed"), emit, run_id="run")

A holder decides, sends its commit, and goes on when the answer has come. Meanwhile anybody may write to the same row,
and what the holder's process hears of that it looks at. A store of this machine answers so soon that a test hardly
ever meets this; here each commit of a run stays on its way until the action is done and the loop has had its turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeAlias

from perdure.core.operations import Operation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import StoreUnavailable
from perdure.stores import port
from perdure.testing.wrapped import WrappedStore, shielded

TURNS = 40
"""Turns of the loop that a commit stays on its way after the action, so that what is heard of it is looked at."""

Phase: TypeAlias = Literal["before", "landed", "lost_before", "lost_after"]
"""`before`: the action comes before the commit lands. `landed`: after that, before its answer is there. `lost_before`
and `lost_after`: as these, and the answer says that nobody knows whether it landed; it did not, or it did."""

PHASES: tuple[Phase, ...] = ("before", "landed", "lost_before", "lost_after")

Action: TypeAlias = Callable[[tuple[Operation, ...]], Awaitable[object]]
"""What happens meanwhile, given the operations that are on their way."""


class Moment(NamedTuple):
    """When: at a run's commit of this number (from 0), in this phase of it."""

    at_commit: int
    phase: Phase


class Interleaving:
    """What is to happen at one moment of a run; `operations` are those that were on their way, None before that."""

    def __init__(self, moment: Moment, action: Action, run_id: str | None) -> None:
        self.moment = moment
        self.run_id = run_id
        self.commits = 0
        self.operations: tuple[Operation, ...] | None = None
        self._action = action

    @property
    def has_happened(self) -> bool:
        """Whether the run has come to this moment."""
        return self.operations is not None

    def is_due(self, lease: Lease | None) -> bool:
        """Count a commit of the run; whether it is the one."""
        if lease is None or self.run_id not in {None, lease.run_id}:
            return False
        number, self.commits = self.commits, self.commits + 1
        return number == self.moment.at_commit

    async def land(self, operations: tuple[Operation, ...], commit: Callable[[], Awaitable[Value]]) -> Value:
        """Let the action happen before or after the commit lands. Raises: StoreUnavailable, what either raises."""
        phase = self.moment.phase
        self.operations = operations
        if phase in {"landed", "lost_after"}:
            try:
                return await commit()
            finally:
                await self._happen(operations)
                if phase == "lost_after":
                    raise StoreUnavailable("the answer was lost", unknown=True)
        await self._happen(operations)
        if phase == "lost_before":
            raise StoreUnavailable("the commit was lost", unknown=True)
        return await commit()

    async def _happen(self, operations: tuple[Operation, ...]) -> None:
        await self._action(operations)
        for _ in range(TURNS):
            await asyncio.sleep(0)


class InterleavingStore(WrappedStore):
    """A store whose commits of a run stay on their way while something else happens."""

    def __init__(self, inner: port.Store) -> None:
        super().__init__(inner)
        self._planned: list[Interleaving] = []

    def interleave(self, moment: Moment, action: Action, run_id: str | None = None) -> Interleaving:
        """Let an action happen at a moment of a run, or of whichever run commits then, once."""
        planned = Interleaving(moment, action, run_id)
        self._planned.append(planned)
        return planned

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Value]]
    ) -> Awaitable[Value]:
        for planned in self._planned:
            if planned.is_due(lease):
                return shielded(planned.land(operations, commit))
        return commit()
