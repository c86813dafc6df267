"""Lists of runs and threads, the newest first: which index leads to the rows.

Runs have no index by `created_at` alone: every list that nothing else narrows is put together from one search for each
status. So a run has one index less to be written, at its beginning and at each of its edges.
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
_BY_COLUMN = {
    "parent_id": "runs_children",
    "thread_id": "runs_thread",
    "workflow": "runs_workflow",
    "tenant": "runs_tenant",
}


def list_runs(
    tx: Transaction,
    given: Mapping[str, Cell],
    statuses: Sequence[RunStatus],
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """Rows of runs, without their results, whose columns are as given and whose status is one of some, if any."""
    conditions, values = [f"{name} = ?" for name in given], [*given.values()]
    if before is not None:
        conditions += ["created_at <= ?", "(created_at, run_id) < (?, ?)"]
        values += [epoch(before[0]), epoch(before[0]), before[1]]
    index = _index(given, statuses)
    if index is not None:
        if index == "runs_tenant":
            conditions.append("tenant <> ''")
        if statuses:
            conditions.append(f"status IN ({', '.join('?' * len(statuses))})")
            values += statuses
        return tx.rows(_sql(index, conditions), (*values, limit))
    sql = _sql("runs_status", [*conditions, "status = ?"])
    found = [row for status in statuses or _STATUSES for row in tx.rows(sql, (*values, status, limit))]
    found.sort(key=lambda row: (cast("float", row[_CREATED_AT]), cast("str", row[_RUN_ID])), reverse=True)
    return found[:limit]


def _index(given: Mapping[str, Cell], statuses: Sequence[RunStatus]) -> str | None:
    """The index that leads to fewest rows; None for that of statuses. Most runs have completed."""
    for column in ("parent_id", "thread_id"):
        if column in given:
            return _BY_COLUMN[column]
    if not statuses or "completed" in statuses:
        if "workflow" in given:
            return _BY_COLUMN["workflow"]
        if given.get("tenant"):
            return _BY_COLUMN["tenant"]
    return None


def _sql(index: str, conditions: Sequence[str]) -> str:
    return (
        f"SELECT {rows.RUN_COLUMNS_WITHOUT_RESULT} FROM runs INDEXED BY {index} WHERE {' AND '.join(conditions)}"
        " ORDER BY created_at DESC, run_id DESC LIMIT ?"
    )


def index_of_threads(given: Mapping[str, Cell]) -> str:
    """The index that leads to the threads whose columns are as given."""
    for column, index in (("owner", "threads_owner"), ("tenant", "threads_tenant"), ("agent", "threads_agent")):
        if given.get(column):
            return index
    return "threads_created"
