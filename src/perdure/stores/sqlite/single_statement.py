"""Commits of one operation, as most are, that are one statement: guard and write together.

Such a statement is its own transaction, and needs none around it, not even to be sure of the schema's version: it
reads the run from the view of this version. Where it changes no row, something is in the way (the lease, an outcome,
a seq, what deaths said of the run), and the decision in `core` must say what. An operation that asks for more than the
statement guards (a step that ends only while nothing has come in) is never one.
"""

from __future__ import annotations

from perdure.core import topics
from perdure.core.operations import AppendEntries, HolderOperation, PutStep
from perdure.core.records import ENTRY_BITS, MAX_ENTRIES, STEP_BITS, Lease
from perdure.core.states import phase_of
from perdure.stores.sqlite.driver import Cell
from perdure.stores.sqlite.rows import HEAD
from perdure.stores.sqlite.schema import RUNS_NOW
from perdure.stores.sqlite.steps import STEP_FIELDS, STEP_VALUES, step_values
from perdure.stores.sqlite.transaction import WriteTransaction

_HELD = "tenant = ? AND run_id = ? AND token = ? AND worker_id IS NOT NULL AND suspicion IS NULL"
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in STEP_FIELDS.split(", ") if name != "position")
PUT_STEP = (
    f"INSERT INTO steps (id, {STEP_FIELDS}) SELECT id << {STEP_BITS} | ?, {STEP_VALUES} FROM {RUNS_NOW} WHERE {_HELD}"
    f" ON CONFLICT (id) DO UPDATE SET {_CHANGED} WHERE steps.phase < 3 AND steps.position = excluded.position"
    " AND (excluded.attempts, excluded.phase) > (steps.attempts, steps.phase)"
)
APPEND_ENTRY = (
    f"INSERT INTO chunks (id, from_seq, lane, body) SELECT id << {ENTRY_BITS} | ?1, ?, ?, ? FROM {RUNS_NOW} AS runs"
    f" WHERE {_HELD} AND ?1 = 1 + coalesce({HEAD}, 0)"
)

ONE_WITHOUT_RESULT: tuple[None] = (None,)
"""What a holder's commit of one operation gives that says nothing."""


def step_put(lease: Lease, operation: PutStep) -> tuple[Cell, ...]:
    """The values of PUT_STEP."""
    step = operation.step
    return (step.number, *step_values(step, phase_of(step)), lease.tenant or "", lease.run_id, lease.token)


def is_guarded(operation: PutStep) -> bool:
    """Whether PUT_STEP looks at all that the operation asks for: not at the inbox."""
    return operation.inbox is None


def statement_of(lease: Lease, operation: HolderOperation) -> tuple[str, tuple[Cell, ...]] | None:
    """The statement that is the whole commit, with its values; None where there is none."""
    if type(operation) is PutStep:
        return (PUT_STEP, step_put(lease, operation)) if is_guarded(operation) else None
    if type(operation) is AppendEntries and len(operation.entries) == 1:
        entry = operation.entries[0]
        if 0 < entry.from_seq <= entry.seq <= MAX_ENTRIES:
            held = (lease.tenant or "", lease.run_id, lease.token)
            return APPEND_ENTRY, (entry.seq, entry.from_seq, entry.lane, entry.body, *held)
    return None


def commit_by_statement(tx: WriteTransaction, lease: Lease, operation: HolderOperation) -> bool:
    """Commit so; false, and nothing changed, where that is not possible."""
    found = statement_of(lease, operation)
    if found is None:
        return False
    tx.run(*found)
    if tx.changed() != 1:
        return False
    if type(operation) is AppendEntries:
        tx.topics.add(topics.stream(lease.tenant, lease.run_id))
    return True
