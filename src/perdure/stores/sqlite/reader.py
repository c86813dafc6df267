"""Reading: small reads on the loop, where they cost microseconds; what may be long on a thread of its own.

In WAL mode a read waits for nobody. No read transaction outlives one call: an open one would let the WAL grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from perdure.core.values import Value
from perdure.stores.background import BackgroundThread, answer, tell
from perdure.stores.sqlite.connection import connect, translate
from perdure.stores.sqlite.driver import Cell, Connection, Row
from perdure.stores.sqlite.schema import VERSION
from perdure.stores.sqlite.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class Reading(asyncio.Future[T]):
    """What the reader's thread will settle: a class of its own, so that a test's clock can tell that it must wait."""


class SmallReads(Transaction):
    """Queries on the loop; what SQLite raises is a store error there too."""

    __slots__ = ("_path",)

    def __init__(self, connection: Connection, path: str) -> None:
        super().__init__(connection)
        self._path = path

    def rows(self, sql: str, values: Sequence[Cell] = ()) -> list[Row]:
        """All rows. Raises: StoreUnavailable, StoreInvalid."""
        try:
            return super().rows(sql, values)
        except apsw.Error as error:
            raise translate(error, self._path) from error


class Reader:
    """Two connections that only read."""

    def __init__(self, path: str, check: Callable[[], None]) -> None:
        """Shape: `check` raises where the store may not be used any more."""
        self._path = path
        self._check = check
        self._small = _open(path)
        self._long = _open(path)
        self._small_tx = SmallReads(self._small, path)
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = BackgroundThread("perdure-reader", self._serve)

    def start(self) -> None:
        """Start the thread of long reads. Raises: StoreUnavailable."""
        self._thread.start()

    @property
    def tx(self) -> Transaction:
        """For one small query on the loop."""
        self._check()
        return self._small_tx

    def at_one_instant(self, read: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Several small queries on the loop, of one state of the database."""
        self._check()
        return _in_transaction(self._small, self._small_tx, lambda: read(self._small_tx, *args, **kwargs))

    async def run(self, read: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A read that may be long, off the loop, of one state of the database."""
        self._check()
        loop = asyncio.get_running_loop()
        future: Reading[T] = Reading(loop=loop)
        tx = Transaction(self._long)

        def task() -> None:
            try:
                result = _in_transaction(self._long, tx, lambda: read(tx, *args, **kwargs))
            except apsw.Error as error:
                tell(loop, _settle, future, None, translate(error, self._path))
            except BaseException as error:
                tell(loop, _settle, future, None, answer(error))
            else:
                tell(loop, _settle, future, result, None)

        self._queue.put(task)
        return await future

    def _serve(self) -> bool:
        task = self._queue.get()
        if task is not None:
            task()
        return task is not None

    def close(self) -> None:
        """Close both connections."""
        self._queue.put(None)
        self._thread.join()
        self._small.close()
        self._long.close()


def _open(path: str) -> Connection:
    connection = connect(path, VERSION)
    connection.pragma("query_only", 1)
    return connection


def _in_transaction(connection: Connection, tx: Transaction, read: Callable[[], T]) -> T:
    if connection.in_transaction:  # a signal handler's error broke off the end of the read before
        tx.rows("ROLLBACK")
    try:
        tx.rows("BEGIN")
        return read()
    finally:
        if connection.in_transaction:
            tx.rows("COMMIT")


def _settle(future: asyncio.Future[Value], result: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
