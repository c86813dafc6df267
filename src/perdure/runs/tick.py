"""The tick of a holder: one timer for all its attempts, which proves that the loop runs.

With it come what shows after a while, and what may have come in between a claim and the listening.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Protocol

from perdure.core.clock import Clock
from perdure.core.operations import PutStep
from perdure.core.values import Value
from perdure.errors import PerdureError, StoreError, StoreUnavailable
from perdure.runs.attempt_tasks import RunKey
from perdure.stores.port import Store

if TYPE_CHECKING:
    from perdure.core.clock import Timer
    from perdure.runs.attempt import Attempt
    from perdure.runs.protocols import StepInfo

SHOW_AFTER = 0.1
IDLE_TICK_AFTER = 1.0
LOOK_AGAIN_AFTER = 0.2

_log = logging.getLogger("perdure.worker")


class Ticking(Protocol):
    """Whose tick it is: a holder of leases."""

    store: Store
    clock: Clock
    worker_id: str
    ticked_after: float
    attempts: dict[RunKey, Attempt]

    def spawn(self, work: Coroutine[Value, Value, Value]) -> asyncio.Task[Value]:
        """Run something in the background; what it raises is logged."""
        ...

    def news(self, key: RunKey) -> None:
        """Something may have come into the inbox of a run."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, by the clock."""
        ...


class Tick:
    """That of one holder. Units: `SHOW_AFTER` and its like in seconds."""

    def __init__(self, holder: Ticking) -> None:
        self._holder = holder
        self._fresh: list[Attempt] = []
        self._timer: Timer | None = None

    def start(self) -> None:
        """Tick now, and go on. Safe twice."""
        self.stop()
        self._tick()

    def stop(self) -> None:
        """Tick no more. Safe twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begun(self, attempt: Attempt) -> None:
        """An attempt begins: at the next tick it is asked for what came in meanwhile."""
        self._fresh.append(attempt)
        if not self._holder.attempts and self._timer is not None:  # the pause of an idle holder is a longer one
            self._timer.cancel()
            self._timer = self._holder.clock.call_after(SHOW_AFTER, self._tick)

    def _tick(self) -> None:
        holder = self._holder
        now = holder.ticked_after = holder.clock.elapsed()
        fresh, self._fresh = self._fresh, []
        if any(holder.attempts.get(attempt.key) is attempt for attempt in fresh):
            holder.spawn(self._look_at(fresh))
        for attempt in holder.attempts.values():
            for step in attempt.running.values():
                if not step.recorded and now - step.began_after > SHOW_AFTER:
                    step.recorded = True
                    holder.spawn(self._show(attempt, step))
        self._timer = holder.clock.call_after(SHOW_AFTER if holder.attempts else IDLE_TICK_AFTER, self._tick)

    async def _look_at(self, fresh: list[Attempt]) -> None:
        """What came between the claim and the listening: one read for all."""
        holder, begun = self._holder, {attempt.key: attempt for attempt in fresh}
        while True:
            try:
                inboxes = await holder.store.runs.inboxes(tuple(begun))
                break
            except StoreUnavailable as error:
                _log.warning("worker %s can't look for news: %s", holder.worker_id, error)
                await holder.pause(LOOK_AGAIN_AFTER)
            except StoreError:
                return  # the store is gone, and with it every attempt
        for key, attempt in begun.items():
            if holder.attempts.get(key) is attempt and inboxes.get(key) != attempt.inbox:
                holder.news(key)

    async def _show(self, attempt: Attempt, step: StepInfo) -> None:
        """A step that takes a while shows as running, and its attempt counts."""
        if attempt.running.get(step.position) is not step:
            return  # it has ended in the meantime, and what it wrote then stays
        try:
            await self._holder.store.commit(attempt.lease, PutStep(step.record("running")))
        except PerdureError:
            return  # it has ended meanwhile, or its lease has: the step's own commit finds out
