"""Query plans: which statements read a whole table, or sort what an index could give in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

# What may be read whole: rows that the statement itself makes, workers, of which there are as many as processes, and
# indexes of which a list takes the newest rows, or which hold only what is rare or has not ended.
_MAY_SCAN = re.compile(
    r"SCAN ("
    r"CONSTANT ROW|wanted VIRTUAL TABLE|json_each VIRTUAL TABLE|path|names|\d+ CONSTANT|own|\(subquery-\d+\)"
    r"|workers|workers USING .*"
    r"|runs USING (COVERING )?INDEX runs_(parked|cancelling_children)"
    r"|(threads|runs) USING INDEX threads_created"
    r"|questions USING INDEX questions_(open|asked)"
    r"|notices|chunks"
    r")( |$)"
)
# What may be sorted: workers, the runs that one has, what is asked for as a
# whole or by a person (a thread's path and runs, a run's children, questions and events of one key), and sums.
_MAY_SORT = re.compile(
    r"WHERE worker_id = \?|FROM workers ORDER BY|WITH RECURSIVE path"
    r"|WHERE thread_id = \?|INDEXED BY runs_children|AND run = \(|WHERE run IN|events WHERE run = .* AND key = \?"
    r"|GROUP BY 1, 2"
)
_ASKS = ("SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH")


def queries(statements: Iterable[str]) -> list[str]:
    """Those that ask for rows, or change some."""
    return sorted(one for one in statements if one.lstrip().startswith(_ASKS))


def plan(connection: Any, statement: str) -> list[str]:
    """The lines of SQLite's own plan, on a connection as apsw has it."""
    values = 0
    for number in re.findall(r"\?(\d*)", statement):
        values = max(values, int(number or values + 1))
    found = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (None,) * values)
    return [str(row[3]) for row in cast("list[tuple[Any, ...]]", found.fetchall())]


def scans(details: Iterable[str]) -> list[str]:
    """The lines that read something whole that grows, or make an index for this once, which reads as much."""
    return [one for one in details if (one.startswith("SCAN") and not _MAY_SCAN.match(one)) or "AUTOMATIC" in one]


def sorts(statement: str, details: Iterable[str]) -> list[str]:
    """The lines that sort rows which grow; those that are equal but for the last term of the order are few."""
    if _MAY_SORT.search(statement):
        return []
    return [one for one in details if one.startswith("USE TEMP B-TREE") and "LAST" not in one]
