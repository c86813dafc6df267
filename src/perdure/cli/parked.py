"""What `perdure run` does where nobody would go on: its run is parked by this process, or waits for one that is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from perdure.app import App
from perdure.core.clock import pause
from perdure.core.records import RunRecord
from perdure.errors import RunParked
from perdure.stores.outages import read_again
from perdure.stores.port import Store

R = TypeVar("R")

LOOK_AGAIN_AFTER = 0.2
"""Units: seconds. Asked only while something is parked: a run above it may come to wait for it, or go on without."""


class ParkedRuns:
    """The runs that the worker of an app parks. Made before the app is entered."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._found: dict[str, RunRecord] = {}
        self._is_any = asyncio.Event()
        app.on_parked = self._note

    async def result_of(self, run_id: str, result: Awaitable[R]) -> R:
        """The result of a run. Raises: RunParked where it is parked, or waits for one that is."""
        ending = asyncio.ensure_future(result)
        waiting = asyncio.ensure_future(self._parked(run_id))
        try:
            await asyncio.wait((ending, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                raise waiting.result()
            return await ending
        finally:
            ending.cancel()
            waiting.cancel()

    def _note(self, run: RunRecord) -> None:
        self._found[run.run_id] = run
        self._is_any.set()

    async def _parked(self, run_id: str) -> RunParked:
        await self._is_any.wait()
        while True:
            for found in tuple(self._found.values()):
                error = await read_again(self._app.clock, lambda: self._held_up(found, run_id))  # noqa: B023 - called at once
                if error is not None:
                    return error
            await pause(self._app.clock, LOOK_AGAIN_AFTER)

    async def _held_up(self, found: RunRecord, run_id: str) -> RunParked | None:
        """The error of a run that is parked, or that waits for a run that is."""
        store, run, parked = (
            self._app.store,
            found,
            await parked_as(self._app.store, found.run_id, run_id, found.tenant),
        )
        while parked is not None and run.run_id != run_id:
            key = run.parent_key
            above = await store.runs.get(run.parent_id, tenant=run.tenant) if run.parent_id is not None else None
            if above is None or above.status != "suspended" or key not in above.waiting_for:
                return None
            run = above
        return parked


async def parked_as(store: Store, parked_id: str, run_id: str, tenant: str | None = None) -> RunParked | None:
    """The error of who waits for a run that is parked now; None where it is not."""
    run = await store.runs.get(parked_id, tenant=tenant)
    if run is None or not run.is_parked or run.failure is None:
        return None
    return RunParked(run_id, parked_id, run.failure.message)
