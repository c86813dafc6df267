"""Lists of runs and threads, the newest first: which index leads to the rows.

Runs have no index by `created_at` alone: every list that nothing else narrows is put together from one search for each
status. So a run has one index less to be written, at its beginning and at each of its edges.

What has ended is never walked for a list that it is not in. Of what has not ended, a list of a workflow may walk what
has the same status, and one of no tenant those of tenants: an index more would be a page more of every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast, get_args

from perdure.core.clock import epoch
from perdure.core.records import RunStatus
from perdure.stores.sqlite import rows
from perdure.stores.sqlite.driver import Cell, Row
from perdure.stores.sqlite.transaction import Transaction

_STATUSES = cast("tuple[RunStatus, ...]", get_args(RunStatus))
_CREATED_AT, _RUN_ID = (rows.RUN_COLUMNS.split(", ").index(name) for name in ("created_at", "run_id"))
_FAILED = frozenset[RunStatus]({"failed", "cancelled"})
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
    conditions, values = [f"{name} = ?" for name in given], [*given.values()]
    if given.get("tenant"):
        conditions.append("tenant <> ''")  # so that the indexes of tenants can be used
    if before is not None:
        conditions += ["created_at <= ?", "(created_at, run_id) < (?, ?)"]
        values += [epoch(before[0]), epoch(before[0]), before[1]]
    index = _index(given, statuses)
    if index is not None:
        if statuses:
            conditions.append(f"status IN ({', '.join('?' * len(statuses))})")
            values += statuses
        if "thread_id" in given and "parent_id" not in given:
            of_tenant = "tenant" in given
            conditions.append(_OF_THREAD_AND_TENANT if of_tenant else _OF_THREAD)
            key = (given["thread_id"], given["tenant"]) if of_tenant else (given["thread_id"],)
            values += key * 2
        return tx.rows(_sql(index, conditions), (*values, limit))
    found = list[Row]()
    for status in statuses or _STATUSES:
        index, condition = _index_of_status(given, status)
        sql = _sql(index, [*conditions, condition])
        found += tx.rows(sql, (*values, limit))
    found.sort(key=lambda row: (cast("float", row[_CREATED_AT]), cast("str", row[_RUN_ID])), reverse=True)
    return found[:limit]


def _index(given: Mapping[str, Cell], statuses: Sequence[RunStatus]) -> str | None:
    """The index that leads to fewest rows; None where each status is looked for. Most runs have completed."""
    if "parent_id" in given:
        return "INDEXED BY runs_children"
    if "thread_id" in given:
        return ""
    if "workflow" in given and (not statuses or "completed" in statuses):
        return "INDEXED BY runs_tenant_workflow" if given.get("tenant") else "INDEXED BY runs_workflow"
    return None


def _index_of_status(given: Mapping[str, Cell], status: RunStatus) -> tuple[str, str]:
    """Shape: the index, and the condition by which it can be used."""
    if given.get("tenant"):
        return "INDEXED BY runs_tenant", f"status = '{status}'"
    if "workflow" in given and status in _FAILED:
        return "INDEXED BY runs_failed", f"status = '{status}' AND status IN ('failed', 'cancelled')"
    return "INDEXED BY runs_status", f"status = '{status}'"


def _sql(index: str, conditions: Sequence[str]) -> str:
    return (
        f"SELECT {rows.RUN_COLUMNS_WITHOUT_RESULT} FROM runs {index} WHERE {' AND '.join(conditions)}"
        " ORDER BY created_at DESC, run_id DESC LIMIT ?"
    )


def index_of_threads(given: Mapping[str, Cell]) -> str:
    """The index that leads to the threads whose columns are as given."""
    for column, index in (("owner", "threads_owner"), ("tenant", "threads_tenant"), ("agent", "threads_agent")):
        if given.get(column):
            return index
    return "threads_created"
