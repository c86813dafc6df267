"""Which function applies which operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import TypeAlias

from perdure.core.records import Lease
from perdure.core.states import FINAL
from perdure.core.values import Value
from perdure.stores import port
from perdure.stores.sqlite import (
    events,
    leases,
    messages,
    questions,
    queues,
    runs,
    steps,
    streams,
    threads,
    workers,
)
from perdure.stores.sqlite.guard import guard
from perdure.stores.sqlite.liveness_locks import LivenessLocks
from perdure.stores.sqlite.transaction import Transaction

Request: TypeAlias = tuple[tuple[Value, ...], Lease | None]
PUT: port.CommitResult = (None,)
"""What a commit gives that is a PutStep and nothing else."""

Apply: TypeAlias = Callable[[Transaction, Value], Value]


def appliers(locks: LivenessLocks) -> dict[type, Apply]:
    """Every operation of the port, and what applies it."""
    return {
        port.PutStep: steps.put_step,
        port.AppendEntries: streams.append_entries,
        port.CompactEntries: streams.compact_entries,
        port.CreateRun: runs.create_run,
        port.SuspendRun: runs.suspend_run,
        port.ReleaseRun: runs.release_run,
        port.FinishRun: runs.finish_run,
        port.CancelRun: runs.cancel_run,
        port.SealRun: runs.seal_run,
        port.RestartRun: runs.restart_run,
        port.DeleteRun: runs.delete_run,
        port.TakeRun: partial(leases.take_run, locks=locks),
        port.TakeOver: partial(leases.take_over, locks=locks),
        port.RegisterWorker: partial(workers.register_worker, locks=locks),
        port.RenewWorker: workers.renew_worker,
        port.RetireWorker: partial(workers.retire_worker, locks=locks),
        port.Emit: events.emit,
        port.Ask: questions.ask,
        port.Answer: questions.answer,
        port.Claim: queues.claim,
        port.CreateThread: threads.create_thread,
        port.UpdateThread: threads.update_thread,
        port.DeleteThread: threads.delete_thread,
        port.StartTurn: threads.start_turn,
        port.AddThreadEvent: threads.append_thread_event,
        port.AddMessage: messages.add_message,
        port.PutParts: messages.put_parts,
        port.SetMessage: messages.set_message,
    }


def is_put(request: Request) -> bool:
    """Whether a commit is a PutStep and nothing else, as most are."""
    operations, lease = request
    return len(operations) == 1 and type(operations[0]) is port.PutStep and lease is not None


def apply_all(tx: Transaction, table: dict[type, Apply], requests: Sequence[Request]) -> list[port.CommitResult] | None:
    """Apply commits in order, or None, half done, where a step is refused. Raises: what anything else refuses."""
    landed: list[port.CommitResult] = []
    for are_puts, some in groupby(requests, is_put):
        if are_puts:
            puts = [(operations[0], lease) for operations, lease in some if lease is not None]
            if not steps.put_many(tx, puts):
                return None
            landed += [PUT] * len(puts)
        else:
            landed += [apply(tx, table, *request) for request in some]
    return landed


def apply(
    tx: Transaction, table: dict[type, Apply], operations: tuple[Value, ...], lease: Lease | None
) -> port.CommitResult:
    """Apply a commit: the fence first, then its operations in order. Raises: what any of them refuses."""
    if lease is not None:
        if len(operations) == 1 and type(operations[0]) is port.PutStep and steps.put_alone(tx, operations[0], lease):
            return PUT
        guard(tx, lease, progress=any(type(one) is port.PutStep and one.step.status in FINAL for one in operations))
    return tuple([table[type(one)](tx, one) for one in operations])
