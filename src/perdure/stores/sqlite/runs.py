"""Reading runs in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.core.clock import epoch
from perdure.core.records import MAX_STEPS, STEP_BITS, EventRecord, Journal, News, RunRecord, RunStatus
from perdure.stores.port import EVERY_TENANT, EveryTenant
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell, Row
from perdure.stores.sqlite.events import list_events
from perdure.stores.sqlite.listing import list_runs
from perdure.stores.sqlite.reads import find_run, key_of
from perdure.stores.sqlite.rows import RUN
from perdure.stores.sqlite.steps import list_steps
from perdure.stores.sqlite.transaction import Transaction

if TYPE_CHECKING:
    from perdure.stores.sqlite.decider import LeaseTime
    from perdure.stores.sqlite.reader import Reader

_MANIFEST = f"SELECT body FROM manifests WHERE run = {RUN}"
_NOW = f"SELECT id, inbox, {rows.HEAD} FROM runs WHERE tenant = ? AND run_id = ?"
_NEWS = (
    f"SELECT status, token, inbox, cancel_reason, {rows.EVENT_COLUMNS}"
    " FROM runs LEFT JOIN events ON events.id BETWEEN"
    f" (runs.id << {STEP_BITS} | ?) + 1 AND runs.id << {STEP_BITS} | {MAX_STEPS}"
    " WHERE tenant = ? AND run_id = ? ORDER BY events.id"
)
_STATUS = "SELECT status FROM runs WHERE tenant = ? AND run_id = ?"
_INBOXES = (
    "SELECT tenant, run_id, inbox FROM json_each(?) AS wanted CROSS JOIN runs"
    " ON tenant = wanted.value ->> 0 AND run_id = wanted.value ->> 1"
)
_OVERDUE = (
    "SELECT tenant, run_id FROM runs INDEXED BY runs_cancelling WHERE status = 'cancelling' AND cancel_until <= ?"
    " ORDER BY cancel_until"
)
_CANCELLING_CHILDREN = "SELECT tenant, run_id FROM runs WHERE cancels_children = 1 ORDER BY id LIMIT ?"
_PARKED = (
    f"SELECT {rows.RUN_COLUMNS_WITHOUT_RESULT} FROM runs INDEXED BY runs_parked"
    " WHERE status = 'suspended' AND failure IS NOT NULL AND created_at >= ?1"
    " AND (created_at, run_id, tenant) > (?1, ?, ?)"
    " AND queue IN (SELECT value FROM json_each(?)) AND workflow IN (SELECT value FROM json_each(?))"
    " ORDER BY created_at, run_id, tenant LIMIT ?"
)
_EMPTY = Journal()


def _journals(tx: Transaction, runs: Sequence[RunRecord]) -> list[Journal]:
    return [_journal(tx, run) for run in runs]


def _journal(tx: Transaction, run: RunRecord) -> Journal:
    found = tx.row(_NOW, key_of(run))
    if found is None:
        return _EMPTY
    number, inbox, head = cast("tuple[int, int, int | None]", found)
    events = list_events(tx, number, run.run_id) if inbox else []
    return Journal(tuple(list_steps(tx, number)), tuple(events), inbox, head or 0)


class Runs:
    """Reading runs."""

    def __init__(self, reader: Reader, lease_time: LeaseTime) -> None:
        self._reader = reader
        self._lease_time = lease_time

    async def get(self, run_id: str, *, tenant: str | None) -> RunRecord | None:
        return find_run(self._reader.tx, tenant, run_id)

    async def manifest(self, run_id: str, *, tenant: str | None) -> bytes | None:
        row = self._reader.tx.row(_MANIFEST, (tenant or "", run_id))
        return cast("bytes", row[0]) if row else None

    async def journals(self, runs: Sequence[RunRecord]) -> list[Journal]:
        return await self._reader.run(_journals, runs)

    async def news(self, run_id: str, *, tenant: str | None, after: int) -> News | None:
        found = self._reader.tx.rows(_NEWS, (min(after, MAX_STEPS), tenant or "", run_id))
        if not found:
            return None
        events = list[EventRecord]()
        if found[0][4] is not None:
            events = [rows.event_record(run_id, row[4:]) for row in found]
        status, token, inbox, reason = cast("tuple[RunStatus, int, int, str | None]", found[0][:4])
        return News(status, token, inbox, reason, tuple(events))

    async def status(self, run_id: str, *, tenant: str | None) -> RunStatus | None:
        row = self._reader.tx.row(_STATUS, (tenant or "", run_id))
        return cast("RunStatus", row[0]) if row else None

    async def inboxes(self, keys: Sequence[tuple[str | None, str]]) -> dict[tuple[str | None, str], int]:
        wanted = msgspec.json.encode([(tenant or "", run_id) for tenant, run_id in keys]).decode()
        found = cast("list[tuple[str, str, int]]", self._reader.tx.rows(_INBOXES, (wanted,)))
        return {(tenant or None, run_id): inbox for tenant, run_id, inbox in found}

    async def overdue(self) -> list[tuple[str | None, str]]:
        return _keys(self._reader.tx.rows(_OVERDUE, (self._lease_time.now(),)))

    async def cancelling_children(self, limit: int = 100) -> list[tuple[str | None, str]]:
        return _keys(self._reader.tx.rows(_CANCELLING_CHILDREN, (limit,)))

    async def parked(
        self,
        queues: tuple[str, ...],
        workflows: tuple[str, ...],
        *,
        after: tuple[datetime, str, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        created_at, run_id, tenant = after or (None, "", "")
        since = float("-inf") if created_at is None else epoch(created_at)
        values = (since, run_id, tenant, rows.names(queues), rows.names(workflows), limit)
        found = self._reader.tx.rows(_PARKED, values)
        return [rows.run_record(row) for row in found]

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
        wanted: dict[str, Cell] = {"thread_id": thread_id, "parent_id": parent_id, "workflow": workflow, "queue": queue}
        if tenant is not EVERY_TENANT:
            wanted["tenant"] = tenant or ""
        given: dict[str, Cell] = {name: value for name, value in wanted.items() if value is not None}
        found = self._reader.at_one_instant(list_runs, given, status, before, limit)
        return [rows.run_record(row) for row in found]


def _keys(found: list[Row]) -> list[tuple[str | None, str]]:
    return [(cast("str", tenant) or None, cast("str", run_id)) for tenant, run_id in found]
