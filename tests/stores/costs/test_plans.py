"""Query plans: every statement that the store runs finds its rows by an index, whatever the operations are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from perdure.errors import PerdureError
from perdure.stores.sqlite import open_sqlite
from perdure.testing.manual_clock import ManualClock
from tests.stores.costs.counting import CountedStore
from tests.stores.random_operations import RandomOperations
from tests.stores.test_agreement import everything, leases

# What may be read whole: rows that the statement itself makes, workers, of which there are as many as processes, and
# indexes of which a list takes the newest rows, or which hold only what is rare or has not ended.
ALLOWED = re.compile(
    r"SCAN ("
    r"CONSTANT ROW|wanted VIRTUAL TABLE|json_each VIRTUAL TABLE|path|\d+ CONSTANT|own|\(subquery-\d+\)"
    r"|workers|workers USING .*"
    r"|runs USING (COVERING )?INDEX runs_(parked|cancelling_children)"
    r"|(threads|runs) USING INDEX threads_created"
    r"|questions USING INDEX questions_(open|asked)"
    r"|notices|chunks"
    r")( |$)"
)


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[CountedStore]:
    path, clock = str(tmp_path / "x.db"), ManualClock()
    store = await open_sqlite(f"sqlite:///{path}", path, clock)
    yield CountedStore(store, clock)
    await store.close()


def plan(counted: CountedStore, statement: str) -> list[str]:
    values = 0
    for number in re.findall(r"\?(\d*)", statement):
        values = max(values, int(number or values + 1))
    found = counted.writing.execute(f"EXPLAIN QUERY PLAN {statement}", (None,) * values)
    return [str(row[3]) for row in cast("list[tuple[Any, ...]]", found.fetchall())]


def scans(details: list[str]) -> list[str]:
    return [detail for detail in details if detail.startswith("SCAN") and not ALLOWED.match(detail)]


async def test_no_statement_scans_a_table(counted: CountedStore) -> None:
    statements = set[str]()
    for seed in (1, 2, 3):
        make = RandomOperations(seed)
        begun = make.beginning()
        with counted.counted() as counts:
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
        statements |= set(counts.statements)
    queries = [
        one
        for one in statements
        if one.lstrip().startswith(("SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"))
    ]
    assert len(queries) > 80
    found = {one: scans(plan(counted, one)) for one in queries}
    bad = [(one, scanned) for one, scanned in found.items() if scanned]
    assert bad == []
