"""Reading runs in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import get_args

import msgspec

from perdure.core.records import Journal, News, RunRecord, RunStatus
from perdure.stores.memory.copies import detached
from perdure.stores.memory.index import Group
from perdure.stores.memory.reads import head_of, rows_of
from perdure.stores.memory.state import Key, State
from perdure.stores.port import EVERY_TENANT, EveryTenant

_EMPTY = Journal()


class Runs:
    """Reading runs."""

    def __init__(self, look: Callable[[], State], lease_now: Callable[[], float]) -> None:
        self._look = look
        self._lease_now = lease_now

    async def get(self, run_id: str, *, tenant: str | None) -> RunRecord | None:
        return detached(self._look().runs.get((tenant, run_id)))

    async def manifest(self, run_id: str, *, tenant: str | None) -> bytes | None:
        rows = self._look().of_run.get((tenant, run_id))
        return rows.manifest if rows else None

    async def journals(self, runs: Sequence[RunRecord]) -> list[Journal]:
        state = self._look()
        return [self._journal(state, run) for run in runs]

    @staticmethod
    def _journal(state: State, run: RunRecord) -> Journal:
        now = state.runs.get((run.tenant, run.run_id))
        if now is None:
            return _EMPTY
        rows = rows_of(state, now)
        steps, events = tuple(map(detached, rows.steps.values())), tuple(rows.events.values())
        return Journal(steps, events, now.inbox, head_of(state, now))

    async def news(self, run_id: str, *, tenant: str | None, after: int) -> News | None:
        state = self._look()
        run = state.runs.get((tenant, run_id))
        if run is None:
            return None
        events = tuple(rows_of(state, run).events.after(after))
        return News(run.status, run.token, run.inbox, run.cancel_reason, events)

    async def status(self, run_id: str, *, tenant: str | None) -> RunStatus | None:
        run = self._look().runs.get((tenant, run_id))
        return run.status if run else None

    async def inboxes(self, keys: Sequence[Key]) -> dict[Key, int]:
        runs = self._look().runs
        return {key: runs[key].inbox for key in keys if key in runs}

    async def overdue(self) -> list[Key]:
        entries = self._look().runs.index.entries(("cancelling",), up_to=(self._lease_now(),))
        return [key for _, _, key in entries]

    async def cancelling_children(self, limit: int = 100) -> list[Key]:
        return list(islice(self._look().runs.index.keys(("cancels children",)), limit))

    async def parked(
        self,
        queues: tuple[str, ...],
        workflows: tuple[str, ...],
        *,
        after: tuple[datetime, str, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        runs = self._look().runs
        places = (runs[key] for _, _, key in runs.index.entries(("parked",), above=after))
        page = (run for run in places if run.queue in queues and run.workflow in workflows)
        return [detached(run) for run in islice(page, limit)]

    async def list(
        self,
        *,
        tenant: str | EveryTenant | None,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        thread_id: str | None = None,
        parent_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        runs = self._look().runs
        groups: list[Group] = [("list", tenant, one, workflow) for one in status or get_args(RunStatus)]
        if parent_id is not None:
            groups = [("children", parent_id)]
        elif thread_id is not None:
            groups = [("thread", thread_id)]
        wanted = {"workflow": workflow, "queue": queue, "thread_id": thread_id, "parent_id": parent_id}
        given = {name: value for name, value in wanted.items() if value is not None}
        newest = (runs[key] for key in runs.index.backwards(groups, below=before))
        found = (
            run
            for run in newest
            if tenant in {EVERY_TENANT, run.tenant}
            and (not status or run.status in status)
            and all(getattr(run, name) == value for name, value in given.items())
        )
        return [detached(msgspec.structs.replace(run, result=None)) for run in islice(found, limit)]
