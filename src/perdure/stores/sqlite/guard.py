"""The fence: a holder's commit is refused, in its own transaction, when the run's row has moved on."""

from __future__ import annotations

from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.stores.sqlite.transaction import Transaction

HELD = "run_id = ? AND token = ? AND worker_id = ? AND status IN ('running', 'cancelling')"
_GUARD = f"UPDATE runs SET rev = rev + 1 WHERE {HELD}"
_GUARD_WITH_PROGRESS = _GUARD.replace("rev = rev + 1", "rev = rev + 1, takeovers = 0")


def guard(tx: Transaction, lease: Lease, *, progress: bool) -> None:
    """Count a commit of the holder. Raises: LeaseLost."""
    tx.run(_GUARD_WITH_PROGRESS if progress else _GUARD, (lease.run_id, lease.token, lease.worker_id))
    if not tx.changed():
        raise LeaseLost(lease.run_id, lease.token)
