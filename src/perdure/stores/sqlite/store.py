"""The SQLite store: a thin class over its facets, its writer and its reader."""

from __future__ import annotations

import asyncio
import os
import weakref
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, cast

import apsw

from perdure.core import topics
from perdure.core.clock import Clock, SystemClock
from perdure.core.values import MAX_VALUE_BYTES
from perdure.errors import StoreClosed, StoreError, StoreForked, StoreLoopWrong
from perdure.stores.background import in_thread
from perdure.stores.notices import Notices, TopicWatch
from perdure.stores.port import Abilities
from perdure.stores.sqlite.connection import connect, prepare, translate
from perdure.stores.sqlite.decider import LeaseTime, Load
from perdure.stores.sqlite.driver import Connection, remove_log_at_close
from perdure.stores.sqlite.events import Events
from perdure.stores.sqlite.group import Group, Settled
from perdure.stores.sqlite.identity import Identity, OpenFile, adopt, check_unopened, forget
from perdure.stores.sqlite.liveness_locks import LivenessLocks
from perdure.stores.sqlite.log import report
from perdure.stores.sqlite.messages import Messages
from perdure.stores.sqlite.questions import Questions
from perdure.stores.sqlite.queues import Queues
from perdure.stores.sqlite.reader import Reader
from perdure.stores.sqlite.runs import Runs
from perdure.stores.sqlite.schema import VERSION, migrate
from perdure.stores.sqlite.steps import Steps
from perdure.stores.sqlite.streams import Streams
from perdure.stores.sqlite.threads import Threads
from perdure.stores.sqlite.time_slices import TimeSlices
from perdure.stores.sqlite.transfer import Transfer
from perdure.stores.sqlite.workers import Workers
from perdure.stores.sqlite.write_queue import WriteQueue
from perdure.stores.sqlite.writer import Writer
from perdure.stores.validation import check_commit, check_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from perdure.core.decisions.changes import Change
    from perdure.core.operations import CommitResult, HolderOperation, OutsideOperation, RenewWorker
    from perdure.core.records import Lease
    from perdure.core.values import Value


class SqliteStore:
    """One SQLite file, shared by the processes of one machine."""

    abilities = Abilities(
        survives_kill=True,
        many_processes=True,
        proves_death=True,
        renews_off_the_loop=True,
        push=False,
        max_value=MAX_VALUE_BYTES,
        made_of={"SQLite": apsw.sqlite_lib_version(), "schema": str(VERSION)},
    )

    def __init__(self, url: str, path: str, connection: Connection, identity: Identity, clock: Clock) -> None:
        """Use `open_sqlite`."""
        self.url = url
        # makes a new one each time: who raises an error again adds to its traceback
        self._unusable: Callable[[], StoreError] | None = None
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._elapsed = clock.elapsed
        self._path = path
        self._notices = Notices()
        with ExitStack() as opened:  # closed again where something can't be opened
            opened.callback(connection.close)
            self._file = OpenFile(path, identity)
            self._write_queue = WriteQueue(path)
            opened.callback(self._write_queue.close)
            self._locks = LivenessLocks(path)
            self._reader = Reader(path, self._check)
            opened.callback(self._reader.close)
            lease_time = LeaseTime(clock, self._locks)
            followed = partial(self._notices.topics, topics.STREAM)
            slices = TimeSlices(self._write_queue, clock.elapsed)
            group = Group(connection, path, slices, self._locks, clock, lease_time, self._file, followed)
            self._writer = Writer(group, slices, clock, self._publish)
            self._reader.start()
            self._writer.start()
            opened.pop_all()
        self.runs = Runs(self._reader, lease_time)
        self.steps = Steps(self._reader)
        self.events = Events(self._reader)
        self.questions = Questions(self._reader)
        self.streams = Streams(self._reader)
        self.threads = Threads(self._reader)
        self.messages = Messages(self._reader)
        self.workers = Workers(self._reader, lease_time)
        self.queues = Queues(self._reader)
        self.transfer = Transfer(path, self._check, self._load)
        _opened.add(self)

    def commit(self, lease: Lease, *operations: HolderOperation) -> Awaitable[CommitResult]:
        if self._unusable is not None:
            raise self._unusable()
        check_commit(operations, MAX_VALUE_BYTES)
        return self._writer.commit(lease, operations)

    def execute(self, operation: OutsideOperation) -> Awaitable[Value]:
        self._check()
        if asyncio.get_running_loop() is not self._loop:  # what it answers would come to nobody, and land all the same
            raise StoreLoopWrong(self.url)
        check_operation(operation, MAX_VALUE_BYTES)
        return self._writer.execute(operation)

    def renew(self, operation: RenewWorker) -> tuple[tuple[str | None, str], ...]:
        self._check()
        return cast("tuple[tuple[str | None, str], ...]", self._writer.call(operation))

    def watch(self, *topics: str) -> TopicWatch:
        self._check()
        self._writer.watch()
        return self._notices.watch(topics)

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        self._check()
        self._writer.watch()
        return self._notices.listen(topic, callback)

    def report(self) -> str:
        return report(self._path)

    async def close(self) -> None:
        if self._unusable is not None:
            return
        await self._writer.close()
        if self._unusable is not None:
            return  # another task has closed it meanwhile
        self._unusable = partial(StoreClosed, f"{self.url} was closed; use it inside `async with app:`")
        _opened.discard(self)  # its descriptors' numbers may be somebody else's by the time of a fork
        self._notices.publish_all()
        # never that of another process, nor of what has the name now: it may be a database that somebody needs
        removes = self._write_queue.is_alone() and not self._file.is_replaced
        remove_log_at_close(self._connection, removes=removes)
        self._reader.close()
        self._connection.close()
        self._locks.close()
        self._write_queue.close()

    def lose_lock(self, worker_id: str) -> None:
        """For tests that simulate processes: a worker of this handle has died, and nothing proves its life any more."""
        self._locks.lose(worker_id)

    def forked(self) -> None:
        """In the child of a fork: this handle, its locks and its threads belong to the parent."""
        if self._unusable is not None:
            return  # it was forked before
        self._unusable = partial(StoreForked, f"{self.url} was opened before a fork; open it again in the child")
        self._locks.abandon()
        self._write_queue.close()

    def _check(self) -> None:
        if self._unusable is not None:
            raise self._unusable()
        self._file.check(self._elapsed())

    async def _load(self, changes: Sequence[Change]) -> None:
        await self._writer.load(Load(self.url, tuple(changes)))
        self._notices.publish_all()

    def _publish(self, settled: Settled) -> None:
        if settled.missed:
            self._notices.publish_all()
        elif settled.topics:
            self._notices.publish(settled.topics)


async def open_sqlite(url: str, path: str, clock: Clock | None = None, *, create: bool = True) -> SqliteStore:
    """Open a file, made (unless told not to) and migrated where it needs to be.

    Raises: StoreUrlInvalid, StoreInvalid, StoreTooNew, StoreReplaced, StoreUnavailable; nothing was changed then.
    """
    # the locks lie beside the file itself, by whatever name it was opened, and stay there when the folder changes
    path = await in_thread(os.path.realpath, path)
    connection, identity = await in_thread(_connect, url, path, create=create)
    try:
        return SqliteStore(url, path, connection, identity, clock or SystemClock())
    except (apsw.Error, OSError) as error:
        raise translate(error, path) from error


def _connect(url: str, path: str, *, create: bool) -> tuple[Connection, Identity]:
    if prepare(path, url, create=create):
        forget(path)
    check_unopened(path)
    connection = connect(path, VERSION)
    try:
        migrate(connection, path)
        return connection, adopt(connection, path)
    except apsw.Error as error:
        connection.close()
        raise translate(error, path) from error
    except StoreError:
        connection.close()
        raise


_opened: weakref.WeakSet[SqliteStore] = weakref.WeakSet()


def _after_fork() -> None:
    for store in _opened:
        store.forked()


os.register_at_fork(after_in_child=_after_fork)
