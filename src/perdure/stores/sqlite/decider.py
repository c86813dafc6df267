"""One commit within the writer's transaction: its decision in `core`, answered from the rows, and its changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from perdure.core.clock import Clock
from perdure.core.decisions import Decision, Draft, decide_holder, decide_outside, load
from perdure.core.decisions.changes import Change
from perdure.core.decisions.deciding import drive
from perdure.core.decisions.reads import GetLeaseTime, GetLife, Life, Read, WriteDraft
from perdure.core.ids import boot_id
from perdure.core.operations import HolderOperation, OutsideOperation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.stores.sqlite.liveness_locks import LivenessLocks
from perdure.stores.sqlite.reads import READS
from perdure.stores.sqlite.single_statement import ONE_WITHOUT_RESULT, commit_by_statement
from perdure.stores.sqlite.transaction import WriteTransaction
from perdure.stores.sqlite.writes import write

T = TypeVar("T")


class Load(msgspec.Struct, frozen=True):
    """Rows of another store, written as they are into the store of this URL."""

    url: str
    changes: tuple[Change, ...]


Request: TypeAlias = tuple[Lease, tuple[HolderOperation, ...]] | OutsideOperation | Load
"""A holder's commit, an outside operation, or rows of another store."""


class LeaseTime:
    """What a store knows of time and processes: this boot's lease time, and who is proven alive or dead."""

    def __init__(self, clock: Clock, locks: LivenessLocks) -> None:
        self.now: Callable[[], float] = clock.lease_now
        self.boot_id = boot_id()
        self._locks = locks

    def life(self, worker_id: str) -> Life:
        """What is proven of a worker's process."""
        return self._locks.life(worker_id)


class Decider:
    """Lands requests within the transaction under way."""

    def __init__(self, tx: WriteTransaction, lease_time: LeaseTime) -> None:
        self._tx = tx
        self._lease_time = lease_time

    def land(self, request: Request) -> Value:
        """Write what a request means, and what it gives back. Raises: its refusal; something may be written then."""
        if not isinstance(request, tuple):
            draft = Draft()
            if isinstance(request, Load):
                return self._drive(draft, load(draft, request.url, request.changes))
            return self._drive(draft, decide_outside(draft, request))
        lease, operations = request
        if len(operations) == 1 and commit_by_statement(self._tx, lease, operations[0]):
            return ONE_WITHOUT_RESULT
        draft = Draft()
        return self._drive(draft, decide_holder(draft, lease, operations))

    def _drive(self, draft: Draft, decision: Decision[T]) -> T:
        tx = self._tx

        def read(request: Read) -> Value:
            answer = READS.get(type(request))
            return self._other(request, draft) if answer is None else answer(tx, request)

        result = drive(decision, read)
        self._write(draft)
        tx.topics |= draft.topics
        return result

    def _other(self, request: Read, draft: Draft) -> Value:
        match request:
            case WriteDraft():
                return self._write(draft)
            case GetLeaseTime():
                return self._lease_time.now(), self._lease_time.boot_id
            case GetLife():
                return self._lease_time.life(request.worker.worker_id)
            case _:
                raise NotImplementedError(type(request))

    def _write(self, draft: Draft) -> None:
        for change in draft.take():
            write(self._tx, change)
