"""Functions of steps that go on although their tasks are over: in threads, or ignoring their cancellation.

A run is not released while one runs: another worker would run it a second time beside the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from perdure.core.clock import Clock


class Effects:
    """Those of one attempt."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[object, str] = {}
        self._changed: asyncio.Event | None = None  # nearly no attempt ever needs it

    def __len__(self) -> int:
        return len(self._running)

    @property
    def steps(self) -> str:
        """The steps whose functions run, by name and position."""
        return ", ".join(self._running.values())

    def go_on(self, effect: object, step: str) -> Callable[[], None]:
        """This one of a step runs on; what this gives back is called at its end."""
        self._running[effect] = step

        def ended() -> None:
            self._running.pop(effect, None)
            self.changed()

        return ended

    def changed(self) -> None:
        """Let who waits look again."""
        if self._changed is not None:
            self._changed.set()

    async def ended(
        self, within: float | None = None, late: Callable[[], object] = bool, is_over: Callable[[], bool] = bool
    ) -> None:
        """Wait until none runs any more, or it is over all the same; `late` is told when that takes too long."""
        self._changed = self._changed or asyncio.Event()
        timer = None if within is None or not self._running else self._clock.call_after(within, late)
        try:
            while self._running and not is_over():
                self._changed.clear()
                await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()
