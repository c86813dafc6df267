"""Lists of runs, threads and questions, the newest runs and threads first: which index leads to the rows.

Runs have one index by status, and one more where they are a tenant's. In both the workflow comes before the time, so
that a list of one workflow walks no other's; one of all workflows, or of every status, is put together from a search
for each. So a run has few indexes to be written, at its beginning and at each of its edges.

A list of no tenant may walk the runs of tenants that have the same status and workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import cast, get_args

from perdure.core.clock import epoch
from perdure.core.records import RunStatus
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell, Row
from perdure.stores.sqlite.transaction import Transaction

_STATUSES = cast("tuple[RunStatus, ...]", get_args(RunStatus))
_CREATED_AT, _RUN_ID = (rows.RUN_COLUMNS.split(", ").index(name) for name in ("created_at", "run_id"))
# a thread's turns name their runs; a run may name a thread and be no turn of it
_OF_THREAD = (
    "id IN (SELECT run.id FROM threads CROSS JOIN turns ON turns.thread = threads.id"
    " CROSS JOIN runs AS run ON run.tenant = threads.tenant AND run.run_id = turns.run_id WHERE threads.thread_id = ?"
    " UNION ALL SELECT other.id FROM runs AS other INDEXED BY runs_thread"
    " WHERE other.thread_id = ? AND other.turn IS NULL)"
)
_OF_THREAD_AND_TENANT = _OF_THREAD.replace(
    "threads.thread_id = ?", "threads.thread_id = ? AND threads.tenant = ?"
).replace("other.thread_id = ?", "other.thread_id = ? AND other.tenant = ?")


def list_runs(
    tx: Transaction,
    given: Mapping[str, Cell],
    statuses: Sequence[RunStatus],
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """Rows of runs, without their results, whose columns are as given and whose status is one of some, if any."""
    if "parent_id" in given or "thread_id" in given:
        return _of_owner(tx, given, statuses, before, limit)
    index = "runs_tenant" if given.get("tenant") else "runs_status"
    conditions, values = _conditions(given, before)
    conditions += ["status = ?", "workflow = ?"]
    sql = _sql(f"INDEXED BY {index}", conditions)
    searches = list[Callable[[int], list[Row]]]()
    for status in statuses or _STATUSES:
        workflows = [given["workflow"]] if "workflow" in given else _workflows(tx, index, given, status)
        for workflow in workflows:
            searches.append(partial(_search, tx, sql, (*values, status, workflow)))
    return _newest(searches, limit)


def _of_owner(
    tx: Transaction,
    given: Mapping[str, Cell],
    statuses: Sequence[RunStatus],
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """Those of a parent, or of a thread: they are few beside all, and sorted when they are asked for."""
    conditions, values = _conditions(given, before)
    if statuses:
        conditions.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    if "parent_id" in given:
        return tx.rows(_sql("INDEXED BY runs_children", conditions), (*values, limit))
    of_tenant = "tenant" in given
    conditions.append(_OF_THREAD_AND_TENANT if of_tenant else _OF_THREAD)
    key = (given["thread_id"], given["tenant"]) if of_tenant else (given["thread_id"],)
    return tx.rows(_sql("", conditions), (*values, *key * 2, limit))


def _conditions(given: Mapping[str, Cell], before: tuple[datetime, str] | None) -> tuple[list[str], list[Cell]]:
    conditions, values = [f"{name} = ?" for name in given], [*given.values()]
    if given.get("tenant"):
        conditions.append("tenant <> ''")  # so that the index of tenants can be used
    if before is not None:
        conditions += ["created_at <= ?", "(created_at, run_id) < (?, ?)"]
        values += [epoch(before[0]), epoch(before[0]), before[1]]
    return conditions, values


def _workflows(tx: Transaction, index: str, given: Mapping[str, Cell], status: RunStatus) -> list[Cell]:
    """The names of the workflows that have runs with a status: one search for each name, however many runs it has."""
    tenant = given.get("tenant")
    of_tenant = "tenant = ?2 AND tenant <> '' AND " if tenant else ""
    first = f"SELECT min(workflow) FROM runs INDEXED BY {index} WHERE {of_tenant}status = ?1"
    sql = (
        f"WITH RECURSIVE names (workflow) AS (SELECT ({first}) UNION ALL"
        f" SELECT ({first} AND workflow > names.workflow) FROM names WHERE names.workflow IS NOT NULL)"
        " SELECT workflow FROM names WHERE workflow IS NOT NULL"
    )
    return [name for (name,) in tx.rows(sql, (status, tenant) if tenant else (status,))]


def _search(tx: Transaction, sql: str, values: Sequence[Cell], limit: int) -> list[Row]:
    return tx.rows(sql, (*values, limit))


def _newest(searches: Sequence[Callable[[int], list[Row]]], limit: int) -> list[Row]:
    """The newest of what several searches find, each of them the newest first.

    Each is asked for about its share, and for all only where it may have more of the newest than that.
    """
    share = limit if len(searches) <= 1 else min(limit, 2 * limit // len(searches) + 1)
    pages = [search(share) for search in searches]
    found = _merged(pages, limit)
    for number, page in enumerate(pages):
        has_more = len(page) == share < limit
        if has_more and (len(found) < limit or _place(page[-1]) >= _place(found[-1])):
            pages[number] = searches[number](limit)
    return _merged(pages, limit)


def _merged(pages: Sequence[Sequence[Row]], limit: int) -> list[Row]:
    return sorted((row for page in pages for row in page), key=_place, reverse=True)[:limit]


def _place(row: Row) -> tuple[float, str]:
    return cast("float", row[_CREATED_AT]), cast("str", row[_RUN_ID])


def _sql(index: str, conditions: Sequence[str]) -> str:
    return (
        f"SELECT {rows.RUN_COLUMNS_WITHOUT_RESULT} FROM runs {index} WHERE {' AND '.join(conditions)}"
        " ORDER BY created_at DESC, run_id DESC LIMIT ?"
    )


def index_of_threads(given: Mapping[str, Cell]) -> str:
    """The index that leads to the threads whose columns are as given."""
    if "owner" in given:
        return "threads_owner"
    if "tenant" in given:
        return "threads_tenant_agent" if "agent" in given else "threads_tenant"
    return "threads_agent" if "agent" in given else "threads_created"
