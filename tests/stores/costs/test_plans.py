"""Query plans: every statement of the store finds its rows by an index, in their order, whatever the operations are."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from benchmarks.costs.plans import plan, queries, scans, sorts
from perdure.errors import PerdureError
from perdure.stores.sqlite import open_sqlite
from perdure.testing.manual_clock import ManualClock
from tests.stores.costs.counting import CountedStore
from tests.stores.random_operations import RandomOperations
from tests.stores.test_agreement import everything, leases


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[CountedStore]:
    path, clock = str(tmp_path / "x.db"), ManualClock()
    store = await open_sqlite(f"sqlite:///{path}", path, clock)
    yield CountedStore(store, clock)
    await store.close()


async def run_everything(counted: CountedStore, seed: int) -> None:
    """Random operations, and then every read."""
    make = RandomOperations(seed)
    begun = make.beginning()
    for _ in range(250):
        try:
            if begun:
                await counted.store.execute(begun.pop())
            elif make.happens(0.5):
                lease = await leases(counted.store, make)
                run = await counted.store.runs.get(lease.run_id, tenant=lease.tenant)
                head = (await counted.store.streams.read(lease.run_id, tenant=lease.tenant)).head if run else 0
                await counted.store.commit(lease, *make.commit(lease, head, run.inbox if run else 0))
            else:
                await counted.store.execute(make.outside())
        except PerdureError:
            continue
    await everything(counted.store, counted.clock)


async def test_no_statement_scans_a_table_or_sorts_what_grows(counted: CountedStore) -> None:
    with counted.counted() as counts:
        for seed in (1, 2, 3):
            await run_everything(counted, seed)
    found = {one: plan(counted.writing, one) for one in queries(counts.statements)}
    assert len(found) > 80
    assert {one: bad for one, details in found.items() if (bad := scans(details))} == {}
    assert {one: bad for one, details in found.items() if (bad := sorts(one, details))} == {}


async def test_no_row_is_visited_by_a_scan_or_an_index_made_for_it(counted: CountedStore) -> None:
    visited, sorted_by = Counter[str](), Counter[str]()

    def ended(event: dict[str, Any]) -> None:
        status, sql = event["stmt_status"], event["sql"]
        visited[sql] += status["SQLITE_STMTSTATUS_FULLSCAN_STEP"] + status["SQLITE_STMTSTATUS_AUTOINDEX"]
        sorted_by[sql] += status["SQLITE_STMTSTATUS_SORT"]

    for connection in counted.connections:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, ended)
    await run_everything(counted, 4)
    for connection in counted.connections:
        connection.trace_v2(0)
    asked = {one: plan(counted.writing, one) for one in queries(visited)}
    assert len(asked) > 60
    assert [one for one, details in asked.items() if visited[one] and not any("SCAN" in line for line in details)] == []
    # a sort that SQLite counts and the plan does not tell of, or of a statement that sorts more than a group
    told = {one for one, details in asked.items() if any("TEMP B-TREE" in line for line in details)}
    assert [one for one in asked if sorted_by[one] and one not in told] == []


def test_a_scan_a_sort_and_an_automatic_index_are_seen() -> None:
    connection: Any = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE runs (a, b); CREATE TABLE steps (c, d); CREATE INDEX runs_a ON runs (a)")
    assert scans(plan(connection, "SELECT * FROM runs WHERE b = ?")) == ["SCAN runs"]
    assert scans(plan(connection, "SELECT * FROM runs WHERE a = ?")) == []
    joined = "SELECT * FROM runs JOIN steps ON c = b"
    assert any("AUTOMATIC" in line for line in scans(plan(connection, joined)))
    ordered = "SELECT * FROM runs WHERE a = ? ORDER BY b"
    assert sorts(ordered, plan(connection, ordered)) == ["USE TEMP B-TREE FOR ORDER BY"]
    by_index = "SELECT * FROM runs WHERE a = ? ORDER BY a"
    assert sorts(by_index, plan(connection, by_index)) == []
