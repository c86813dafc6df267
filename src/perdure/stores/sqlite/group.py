"""One transaction for a group of commits: shared fsync, separate outcomes.

There are three ways. A commit of one operation, where no other is due, is one statement (`single_statement`). A group
is one transaction, its steps by one statement where it holds nothing else, and a refusal that has written nothing is
simply an outcome in it. Only where a refused commit has written something is the group begun again, each commit in a
savepoint of its own; and where the transaction as a whole fails, its commits are landed again one by one, which is
safe, for landing twice is landing once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import TypeAlias

import apsw
import msgspec

from perdure.core.clock import Clock
from perdure.core.ids import random_bits
from perdure.core.operations import AppendEntries, CommitResult, HolderOperation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import PerdureError, StoreError, StoreInvalid, StoreTooNew
from perdure.stores.sqlite.batched_statements import kind_of, land_batch
from perdure.stores.sqlite.connection import translate
from perdure.stores.sqlite.decider import Decider, LeaseTime, Request
from perdure.stores.sqlite.driver import BUSY_SECONDS, Connection
from perdure.stores.sqlite.identity import OpenFile
from perdure.stores.sqlite.liveness_locks import LivenessLocks
from perdure.stores.sqlite.news import News
from perdure.stores.sqlite.schema import VERSION
from perdure.stores.sqlite.single_statement import ONE_WITHOUT_RESULT, commit_by_statement
from perdure.stores.sqlite.time_slices import TimeSlices
from perdure.stores.sqlite.transaction import WriteTransaction

CHECKPOINT_PAGES = 500  # while a log grows each fsync writes its size too, and costs twice as much: so not for long
SLOW_AFTER = 0.00075
"""Units: seconds of a COMMIT, on average, beyond which the disk is slow."""

_BUSY_MILLISECONDS = int(BUSY_SECONDS * 1000)
_CAP = 2 * SLOW_AFTER
_WEIGHT = 0.05
_STALLED = 0.02
_AFTER_A_STALL = SLOW_AFTER / (1 - _WEIGHT) ** 100
"""What the average is set to by a COMMIT of more than `_STALLED` seconds, so that it is low again after a hundred."""
_PAGE_TAKES = 5e-6  # to write a page to the log; what a COMMIT takes beyond that is the disk

_NOTHING: frozenset[str] = frozenset()

Outcome: TypeAlias = Value | Exception


class Settled(msgspec.Struct, frozen=True):
    """How a group ended: an outcome per request, and the topics there is news of; `missed` when some were lost."""

    outcomes: list[Outcome]
    topics: frozenset[str]
    missed: bool = False


class Group:
    """The writing connection, used by one thread at a time, and only between `enter` and `leave`."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        slices: TimeSlices,
        locks: LivenessLocks,
        clock: Clock,
        lease_time: LeaseTime,
        file: OpenFile,
        followed: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """Shape: `followed` gives the topics of the streams that somebody here listens to."""
        self._connection = connection
        self._path = path
        self._clock = clock
        self.file = file
        self._is_gone = False
        self._tx = WriteTransaction(connection, locks)
        self._decider = Decider(self._tx, lease_time)
        self._news = News(self._tx, random_bits(62), followed, clock.elapsed)
        self._seen_data = -1  # the connection's version of the data as it was last looked at, and our own commits since
        self._may_have_landed = False  # a commit failed on the disk as it was made durable
        self._pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        self.pace = 0.0
        connection.pragma("wal_autocheckpoint", 0)  # it would run inside a COMMIT
        connection.set_busy_timeout(0)  # the loop waits for nobody
        self.enter = slices.enter
        self.try_enter = slices.try_enter
        self.leave = slices.leave

    def commit_alone(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> CommitResult | None:
        """Commit one operation of a run that has the store for itself, by a single statement.

        None, and nothing changed, where `commit` must decide. Whether others have written before it is for `is_behind`
        to say. What there is news of is for `take_topics`.
        """
        if len(operations) == 1:
            try:
                if commit_by_statement(self._tx, lease, operations[0]):
                    self._seen_data += 1
                    operation = operations[0]
                    if isinstance(operation, AppendEntries):
                        self._news.streams.append(lease.tenant, lease.run_id, operation.entries[-1].seq)
                    return ONE_WITHOUT_RESULT
            except apsw.IOError:
                self._may_have_landed = True
            except apsw.Error:  # it comes again, to `commit`
                pass
        return None

    def commit_if_free(self, requests: Sequence[Request]) -> Settled | None:
        """Commit the requests, or None, at once, where another process is writing that has gone around the queue."""
        try:
            return self._settled(requests)
        except apsw.BusyError:
            return None

    def commit(self, requests: Sequence[Request]) -> Settled:
        """Commit the requests in one transaction; waits for whoever is writing. Never raises."""
        self._connection.set_busy_timeout(_BUSY_MILLISECONDS)
        try:
            return self._settled(requests)
        except apsw.BusyError as error:  # it would be there for each of them
            return Settled([self._failure(error) for _ in requests], _NOTHING)
        finally:
            self._connection.set_busy_timeout(0)

    def _settled(self, requests: Sequence[Request]) -> Settled:
        """Raises: apsw.BusyError where another process holds the lock for longer than the connection waits."""
        try:
            return self._commit(requests)
        except apsw.BusyError:
            self._roll_back()
            raise
        except Exception as error:  # whatever it is, nobody may wait for an answer for ever
            self._roll_back()
            failure = self._failure(error)
        if len(requests) > 1:
            settled = [self.commit([request]) for request in requests]
            found = frozenset[str]().union(*(one.topics for one in settled))
            return Settled([one.outcomes[0] for one in settled], found, any(one.missed for one in settled))
        try:  # once more; where it fails again, the first failure is told
            return self._commit(requests)
        except Exception:
            self._roll_back()
            return Settled([failure], _NOTHING)

    def _commit(self, requests: Sequence[Request]) -> Settled:
        tx, run, connection = self._tx, self._tx.run, self._connection
        now = self._clock.elapsed()
        self.file.check(now)
        pages = self._log()
        run("BEGIN IMMEDIATE")
        is_due = self.is_behind or self._news.streams.is_due
        news, missed = self._look() if is_due else (_NOTHING, False)
        outcomes = self._land(requests)
        if tx.topics:
            self._news.announce(tx.topics)
        self.file.mark(tx, now)
        begun = self._clock.elapsed()
        try:
            run("COMMIT")
        except apsw.IOError:
            self._may_have_landed = True
            raise
        self._may_have_landed = False
        now = self._clock.elapsed()
        self.file.landed(now)
        self.measure(now - begun, pages)
        self._seen_data = connection.data_version()  # our own commit has changed it too; the next change is not ours
        own = tx.end()
        if own:
            self._news.streams.settle()
        return Settled(outcomes, news | own if news else own, missed)

    def _land(self, requests: Sequence[Request]) -> list[Outcome]:
        """Land each. Refusals are rare, and nearly all come before anything is written: so without savepoints first.

        Those of one kind that follow each other, as they do where many runs go on side by side, are one statement.
        """
        outcomes = list[Outcome]()
        for kind, part in groupby(requests, kind_of):
            following = list(part)
            for request, outcome in zip(following, land_batch(self._tx, kind, following), strict=True):
                if outcome is not None:
                    outcomes.append(outcome)
                    continue
                written = self._tx.changed_ever()
                try:
                    outcomes.append(self._decider.land(request))
                except PerdureError as refusal:
                    if self._tx.changed_ever() != written:
                        return self._land_apart(requests)
                    outcomes.append(refusal)
        return outcomes

    def _land_apart(self, requests: Sequence[Request]) -> list[Outcome]:
        """Begin again, each commit in a savepoint of its own."""
        self._roll_back()
        self._tx.run("BEGIN IMMEDIATE")
        return [self._with_savepoint(request) for request in requests]

    def _with_savepoint(self, request: Request) -> Outcome:
        tx, before = self._tx, self._tx.state()
        tx.run("SAVEPOINT one")
        try:
            outcome: Outcome = self._decider.land(request)
        except PerdureError as refusal:
            tx.run("ROLLBACK TO one")
            tx.restore(before)
            outcome = refusal
        tx.run("RELEASE one")
        return outcome

    def _failure(self, error: Exception) -> Exception:
        """What is told of a transaction that failed; `unknown` only where a commit may have become durable."""
        if isinstance(error, apsw.Error):
            unknown, self._may_have_landed = self._may_have_landed, False
            return translate(error, self._path, unknown=unknown)
        return translate(error, self._path) if isinstance(error, OSError) else error

    def _roll_back(self) -> None:
        self._tx.forget()
        if self._connection.in_transaction:
            with suppress(apsw.Error):
                self._tx.run("ROLLBACK")

    def abandon(self) -> None:
        """Take back what was broken off in its middle."""
        self._connection.set_busy_timeout(0)
        self._roll_back()

    # What others commit.

    @property
    def is_behind(self) -> bool:
        """Whether others have committed what we have not looked at."""
        return self._connection.data_version() != self._seen_data

    def take_topics(self) -> frozenset[str]:
        """What the last commit has news of."""
        return self._tx.end()

    def look(self) -> Settled:
        """What other processes have committed since we looked."""
        try:
            self.file.check(self._clock.elapsed())
        except StoreError:
            was_gone, self._is_gone = self._is_gone, True
            return Settled([], _NOTHING, missed=not was_gone)  # whoever waits looks for itself, and meets the error
        self._is_gone = False
        try:
            self._tx.row("PRAGMA data_version")  # a read, so that the connection sees the present
            if not self.is_behind and not self._news.streams.is_due:
                return Settled([], _NOTHING)
            seen = self._connection.data_version()
            found, missed = self._look()
            self._seen_data = seen  # others may have committed between two of its reads
        except (apsw.Error, PerdureError):
            return Settled([], _NOTHING, missed=True)
        return Settled([], found, missed)

    def _look(self) -> tuple[frozenset[str], bool]:
        """What another connection has committed; only one of those can have changed the schema."""
        version = self._tx.number("PRAGMA user_version")
        if version > VERSION:
            raise StoreTooNew(self._path, version, VERSION)
        if version < VERSION:
            raise StoreInvalid(self._path, f"its schema version went back to {version}")
        return self._news.look()

    # The log.

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether the log has grown long since the last checkpoint."""
        return self._pages > self._checkpoint_at

    def checkpoint(self) -> None:
        """Move the log into the database. What stays, for somebody reads it, is moved the next time."""
        with suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._pages = self._log()
        if not self._pages:
            self.file.log_begins_anew()
        self._checkpoint_at = self._pages + CHECKPOINT_PAGES

    def measure(self, took: float, before: int | None = None) -> None:
        """Look at the log after a COMMIT. Shape: `took` its seconds, `before` the pages that the log had before it.

        SQLite would tell of each commit by a hook, which on a single step costs as much as an SQL statement.
        """
        self._pages = self._log()
        written = 0 if before is None else max(0, self._pages - before)
        # one slow commit says little: a disk is slow when many are; but one that stalls will not be the only one
        self.pace += (min(took - written * _PAGE_TAKES, _CAP) - self.pace) * _WEIGHT
        if took > _STALLED:
            self.pace = max(self.pace, _AFTER_A_STALL)

    def _log(self) -> int:
        """The pages in the log; none where all of them are in the database, for then it begins anew."""
        try:
            pages, copied = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        except apsw.Error:
            return self._pages  # to look is no reason to fail
        return pages if copied < pages else 0
