"""Commits of many runs that stand side by side in a group: those of one kind are one statement, run once for each.

Each has its own guard and its own outcome. Where the statement changes no row, something is in the way (a lease,
an outcome, a run with this id), or more follows from the commit than a change of its own row (a parent is told, a
question closed), and the decision in `core` must say what.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal, TypeAlias, cast

from perdure.core import topics
from perdure.core.clock import epoch
from perdure.core.decisions.plain_end import PLAIN, PLAIN_ENDS
from perdure.core.decisions.runs import new_run
from perdure.core.decisions.transitions import FREED
from perdure.core.operations import CreateRun, FinishRun, PutStep
from perdure.core.records import Lease, RunRecord
from perdure.core.values import Value
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.rows import pack, stored, values_of
from perdure.stores.sqlite.single_statement import ONE_WITHOUT_RESULT, PUT_STEP, is_guarded, step_put
from perdure.stores.sqlite.transaction import WriteTransaction

Kind: TypeAlias = Literal["create", "put", "finish"]
Landed: TypeAlias = list[Value]
"""What each commit gives; None where its decision must be asked."""

_FIELDS = RunRecord.__struct_fields__
_CREATE = (
    f"INSERT INTO runs ({', '.join(_FIELDS)}) SELECT {', '.join('?' * len(_FIELDS))}"
    " WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE tenant = ? AND kind = 'run' AND id = ?)"
    " ON CONFLICT (run_id, tenant) DO NOTHING RETURNING id"
)
_MANIFEST = "INSERT INTO manifests (run, body) VALUES (?, ?)"


def _holds(column: str, value: Value) -> str:
    held = stored(column, value)
    return f"{column} IS NULL" if held is None else f"{column} = {held!r}"


_IS_PLAIN = " AND ".join(_holds(column, value) for column, value in PLAIN.items())
_FINISH = (
    "UPDATE runs SET status = ?, result = ?, failure = ?, outcome = ?, completed_at = ?, updated_at = ?,"
    f" left_token = token, {', '.join(f'{column} = NULL' for column in FREED)}"
    " WHERE tenant = ? AND run_id = ? AND token = ? AND worker_id IS NOT NULL AND inbox = coalesce(?, inbox)"
    f" AND {_IS_PLAIN} AND NOT EXISTS (SELECT 1 FROM questions WHERE run = runs.id AND answered_at IS NULL)"
    " RETURNING queue"
)
_run_values = values_of(_FIELDS)


def kind_of(request: Value) -> Kind | None:
    """Which statement a commit can be; None where it is for its decision from the first."""
    if type(request) is CreateRun:
        return "create" if request.key is None else None
    if isinstance(request, tuple):
        _, operations = cast("tuple[Lease, tuple[Value, ...]]", request)
        operation = operations[0] if len(operations) == 1 else None
        if type(operation) is PutStep:
            return "put" if is_guarded(operation) else None
        if type(operation) is FinishRun and operation.status in PLAIN_ENDS:
            return "finish"
    return None


def land_batch(tx: WriteTransaction, kind: Kind | None, requests: Sequence[Value]) -> Landed:
    """Land commits of one kind, as far as its statement lands them."""
    if kind is None or (kind == "put" and len(requests) == 1):  # one put by itself has a statement, and no news
        return [None] * len(requests)
    return _LAND[kind](tx, requests)


def _each(
    tx: WriteTransaction, values: Generator[Sequence[Cell], None, None], landed: list[bool]
) -> Generator[Sequence[Cell], None, None]:
    """Note of each row, when the statement has run for it, whether it changed anything."""
    before = tx.changed_ever()
    for row in values:
        yield row
        after = tx.changed_ever()
        landed.append(after != before)
        before = after


def _create(tx: WriteTransaction, requests: Sequence[CreateRun]) -> Landed:
    runs = [new_run(operation) for operation in requests]
    landed = list[bool]()
    rows = ((*_run_values(run), run.tenant or "", run.run_id) for run in runs)
    numbers = iter(cast("list[tuple[int]]", tx.many(_CREATE, _each(tx, rows, landed))))
    made = [
        (next(numbers)[0], operation.manifest) for operation, is_new in zip(requests, landed, strict=True) if is_new
    ]
    tx.many(_MANIFEST, made)
    for run, is_new in zip(runs, landed, strict=True):
        if is_new:
            tx.topics.update(topics.of_change(None, run))
    return [run if is_new else None for run, is_new in zip(runs, landed, strict=True)]


def _put(tx: WriteTransaction, requests: Sequence[tuple[Lease, tuple[PutStep]]]) -> Landed:
    landed = list[bool]()
    tx.many(PUT_STEP, _each(tx, (step_put(lease, put) for lease, (put,) in requests), landed))
    return [ONE_WITHOUT_RESULT if is_new else None for is_new in landed]


def _finish(tx: WriteTransaction, requests: Sequence[tuple[Lease, tuple[FinishRun]]]) -> Landed:
    landed = list[bool]()
    rows = (_end(lease, finish) for lease, (finish,) in requests)
    queues = iter(cast("list[tuple[str]]", tx.many(_FINISH, _each(tx, rows, landed))))
    for (lease, _), has_ended in zip(requests, landed, strict=True):
        if has_ended:
            tx.topics.update(topics.of_end(lease.tenant, lease.run_id, next(queues)[0]))
    return [ONE_WITHOUT_RESULT if has_ended else None for has_ended in landed]


def _end(lease: Lease, finish: FinishRun) -> tuple[Cell, ...]:
    at = epoch(finish.at)
    failure, outcome = pack(finish.failure), pack(finish.outcome)
    ending = (finish.status, finish.result, failure, outcome, at, at)
    return (*ending, lease.tenant or "", lease.run_id, lease.token, finish.inbox)


_LAND: dict[Kind, Callable[[WriteTransaction, Value], Landed]] = {"create": _create, "put": _put, "finish": _finish}
