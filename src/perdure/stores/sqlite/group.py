"""One transaction for a group of commits: shared fsync, separate fates."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias, cast

import apsw
import msgspec

from perdure.core.clock import Clock
from perdure.core.ids import random_bits
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import PerdureError, StoreError, StoreInvalid, StoreTooNew, StoreUnavailable
from perdure.stores.port import CommitResult, PutStep
from perdure.stores.sqlite.connection import BUSY_SECONDS, translate
from perdure.stores.sqlite.driver import Connection
from perdure.stores.sqlite.identity import OpenFile
from perdure.stores.sqlite.operations import PUT, Apply, Request, apply, apply_all
from perdure.stores.sqlite.schema import VERSION
from perdure.stores.sqlite.steps import put_alone
from perdure.stores.sqlite.transaction import Transaction
from perdure.stores.sqlite.turnstile import Turnstile

CHECKPOINT_PAGES = 500  # while a log grows each fsync writes its size too, and costs twice as much: so not for long
SLOW_AFTER = 0.00075
"""Units: seconds of a COMMIT, on average, beyond which the disk is slow."""

_BUSY_MILLISECONDS = int(BUSY_SECONDS * 1000)
_CAP = 2 * SLOW_AFTER
_PAGE_TAKES = 5e-6  # to write a page to the log; what a COMMIT takes beyond that is the disk
_KEEP = 10_000
_TRIM_EVERY = 1_024
_ANNOUNCE = "INSERT INTO notices (writer, topics) VALUES (?, ?)"
_NEWS = "SELECT id, topics FROM notices WHERE id > ? AND writer <> ? ORDER BY id"
_RANGE = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM notices"

_NOTHING: frozenset[str] = frozenset()

Outcome: TypeAlias = CommitResult | Exception


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
        turnstile: Turnstile,
        table: dict[type, Apply],
        clock: Clock,
        file: OpenFile,
    ) -> None:
        self._connection = connection
        self._path = path
        self._turnstile = turnstile
        self._table = table
        self._clock = clock
        self.file = file
        self._is_gone = False
        self.tx = Transaction(connection)
        self._writer = random_bits(62)
        self._seen_data = -1  # the connection's version of the data as it was last looked at, and our own commits since
        self._seen_notice = self.tx.number("SELECT max(id) FROM notices")
        self._pages = 0
        self._checkpoint_at = CHECKPOINT_PAGES
        self.pace = 0.0
        connection.pragma("wal_autocheckpoint", 0)  # it would run inside a COMMIT
        connection.set_busy_timeout(0)  # the loop waits for nobody
        self.enter = turnstile.enter
        self.try_enter = turnstile.try_enter
        self.leave = turnstile.leave

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
            return Settled([translate(error, self._path) for _ in requests], _NOTHING)
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
            if len(requests) == 1:
                return self._again(requests[0], failure)
        settled = [self.commit([request]) for request in requests]
        topics = frozenset[str]().union(*(one.topics for one in settled))
        return Settled([one.outcomes[0] for one in settled], topics, any(one.missed for one in settled))

    def commit_alone(self, operations: tuple[Value, ...], lease: Lease) -> CommitResult | None:
        """Commit for a run that has the store for itself; None, and nothing changed, where `commit` must decide.

        That is so when others have written, when something is refused, and when the disk fails. What there is news of
        stands in `topics` then. To put a step is a single statement, which is its own transaction; whether others have
        written before it is for `is_behind` to say.
        """
        tx, run, connection = self.tx, self.tx.run, self._connection
        try:
            if len(operations) == 1 and type(operations[0]) is PutStep and put_alone(tx, operations[0], lease):
                self._seen_data += 1
                return PUT
            run("BEGIN IMMEDIATE")
            if not self.is_behind:
                landed = apply(tx, self._table, operations, lease)
                if tx.topics:
                    self._announce(tx)
                run("COMMIT")
                self._seen_data = connection.data_version()
                return landed
        except Exception:  # noqa: S110 - it comes again, to `commit`
            pass
        self._roll_back()
        return None

    @property
    def is_behind(self) -> bool:
        """Whether others have committed what we have not looked at."""
        return self._connection.data_version() != self._seen_data

    def take_topics(self) -> frozenset[str]:
        """What the last commit has news of."""
        topics, self.tx.topics = self.tx.topics, set()
        return frozenset(topics)

    def look(self) -> Settled:
        """What other processes have committed since we looked."""
        try:
            self.file.check(self._clock.elapsed())
        except StoreError:
            was_gone, self._is_gone = self._is_gone, True
            return Settled([], _NOTHING, missed=not was_gone)  # whoever waits looks for itself, and meets the error
        self._is_gone = False
        try:
            self.tx.row("PRAGMA data_version")  # a read, so that the connection sees the present
            if not self.is_behind:
                return Settled([], _NOTHING)
            topics, missed = self._news()
            self._seen_data = self._connection.data_version()
        except (apsw.Error, PerdureError):
            return Settled([], _NOTHING, missed=True)
        return Settled([], topics, missed)

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

    def _commit(self, requests: Sequence[Request]) -> Settled:
        tx, run, connection = self.tx, self.tx.run, self._connection
        now = self._clock.elapsed()
        self.file.check(now)
        pages = self._log()
        run("BEGIN IMMEDIATE")
        news, missed = self._news() if self.is_behind else (_NOTHING, False)
        outcomes = self._apply(requests)
        if tx.topics:
            self._announce(tx)
        self.file.mark(tx, now)
        begun = self._clock.elapsed()
        run("COMMIT")
        now = self._clock.elapsed()
        self.file.landed(now)
        self.measure(now - begun, pages)
        self._seen_data = connection.data_version()  # our own commit has changed it too; the next change is not ours
        return Settled(outcomes, news | self.take_topics() if news or tx.topics else _NOTHING, missed)

    def _apply(self, requests: Sequence[Request]) -> list[Outcome]:
        """Refusals are rare: try without savepoints, which cost as much as a step, and begin again where one comes."""
        try:
            landed = apply_all(self.tx, self._table, requests)
        except PerdureError:
            landed = None
        if landed is not None:
            return [*landed]
        self._roll_back()
        self.tx.run("BEGIN IMMEDIATE")
        return [self._with_savepoint(*request) for request in requests]

    def _with_savepoint(self, operations: tuple[Value, ...], lease: Lease | None) -> Outcome:
        tx = self.tx
        topics = set(tx.topics)
        tx.run("SAVEPOINT one")
        try:
            outcome: Outcome = apply(tx, self._table, operations, lease)
        except PerdureError as refusal:
            tx.run("ROLLBACK TO one")
            tx.topics = topics
            outcome = refusal
        tx.run("RELEASE one")
        return outcome

    def _again(self, request: Request, failure: Exception) -> Settled:
        """A second try of a single commit whose transaction failed; the failure when it fails again."""
        try:
            return self._commit([request])
        except Exception:  # the first failure is told
            self._roll_back()
            return Settled([failure], frozenset())

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, apsw.Error):
            return translate(error, self._path, of_commit=True)
        return StoreUnavailable(str(error)) if isinstance(error, OSError) else error

    def _roll_back(self) -> None:
        self.tx.topics = set()
        if self._connection.in_transaction:
            try:
                self.tx.run("ROLLBACK")
            except apsw.Error:
                return

    def _check_version(self) -> None:
        row = self.tx.row("PRAGMA user_version")
        version = cast("int", row[0]) if row else 0
        if version > VERSION:
            raise StoreTooNew(self._path, version, VERSION)
        if version < VERSION:
            raise StoreInvalid(self._path, f"its schema version went back to {version}")

    def _news(self) -> tuple[frozenset[str], bool]:
        """What another connection has committed; only one of those can have changed the schema."""
        self._check_version()
        first, last = cast("tuple[int, int]", self.tx.row(_RANGE))
        missed = first > self._seen_notice + 1
        found = self.tx.rows(_NEWS, (self._seen_notice, self._writer))
        self._seen_notice = last
        return frozenset(topic for row in found for topic in cast("str", row[1]).split("\n")), missed

    def _announce(self, tx: Transaction) -> None:
        tx.run(_ANNOUNCE, (self._writer, "\n".join(tx.topics)))
        number = self._connection.last_insert_rowid()
        if number % _TRIM_EVERY == 0:
            tx.run("DELETE FROM notices WHERE id <= ?", (number - _KEEP,))

    def measure(self, took: float, before: int | None = None) -> None:
        """Look at the log after a COMMIT. Shape: `took` its seconds, `before` the pages that the log had before it.

        SQLite would tell of each commit by a hook, which on a lone step costs as much as an SQL statement.
        """
        self._pages = self._log()
        written = 0 if before is None else max(0, self._pages - before)
        # one slow commit says little: a disk is slow when many are
        self.pace += (min(took - written * _PAGE_TAKES, _CAP) - self.pace) * 0.05

    def _log(self) -> int:
        """The pages in the log; none where all of them are in the database, for then it begins anew."""
        try:
            pages, copied = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        except apsw.Error:
            return self._pages  # to look is no reason to fail
        return pages if copied < pages else 0
