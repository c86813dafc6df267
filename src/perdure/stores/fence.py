"""What needs a lease: no store takes it without one, so that forgetting the fence is an error and not a write."""

from __future__ import annotations

from typing import cast

from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.stores.port import (
    AppendEntries,
    Ask,
    CompactEntries,
    FinishRun,
    Operation,
    PutStep,
    ReleaseRun,
    SuspendRun,
)

_OF_A_HOLDER = frozenset[type]({PutStep, AppendEntries, CompactEntries, SuspendRun, ReleaseRun, FinishRun})


def check_fence(operations: tuple[Operation, ...], lease: Lease | None) -> None:
    """Raises: LeaseLost where an operation needs the lease of its run, and another one came, or none."""
    for operation in operations:
        if type(operation) in _OF_A_HOLDER:
            run_id = cast("PutStep", operation).run_id  # as each of them has
        elif isinstance(operation, Ask):
            run_id = operation.question.run_id
        else:
            continue
        if lease is None or lease.run_id != run_id:
            raise LeaseLost(run_id, lease.token if lease else 0)
