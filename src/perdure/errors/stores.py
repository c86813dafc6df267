"""What a store could not do, and what it refused."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class StoreError(PerdureError):
    """The store, not the caller, is the reason."""


class StoreUnavailable(StoreError):
    """The database could not be reached, read or written (disk full, failing fsync, connection lost).

    Shape: `unknown` is true where the write may have landed all the same; `transient` is false where waiting does not
    help: a file stands where one of the store's belongs, or may not be opened.
    """

    code = "store_unavailable"
    retryable = True

    def __init__(self, reason: str, *, unknown: bool = False, transient: bool = True) -> None:
        super().__init__(reason + ("; whether the write landed is not known" if unknown else ""))
        self.reason, self.unknown, self.transient = reason, unknown, transient


class StoreClosed(StoreError):
    """The store was closed."""

    code = "store_closed"


class StoreInvalid(StoreError):
    """The file is not a perdure database, or is damaged."""

    code = "store_invalid"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class StoreTooNew(StoreError):
    """The database was written by a newer perdure."""

    code = "store_too_new"

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(f"{path} has schema version {found}, this perdure knows up to {known}; upgrade perdure")
        self.path, self.found, self.known = path, found, known


class StoreMoved(StoreUnavailable):
    """The path names no file any more: the database was moved or removed while it was open."""

    code = "store_moved"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: the database was moved or removed while it was open; put it back, or start again")
        self.path = path


class StoreReplaced(StoreError):
    """The file is not the one that was last used here: another one, a copy, or an older state of it."""

    code = "store_replaced"

    def __init__(self, path: str, reason: str) -> None:
        what = f"put the right file back, or accept this one: perdure store restore {path}"
        super().__init__(f"{path}: {reason}; {what}")
        self.path, self.reason = path, reason


class StoreForked(StoreError):
    """The store was opened before a fork; open it in the child."""

    code = "store_forked"


class StoreLoopWrong(StoreError):
    """The store was opened in another event loop; it is asked in that one."""

    code = "store_loop_wrong"

    def __init__(self, url: str) -> None:
        how = "ask it there, by asyncio.run_coroutine_threadsafe, or open it in this one too"
        super().__init__(f"{url} was opened in another event loop; {how}")
        self.url = url


class StoreInUse(StoreError):
    """The store is not idle: a worker lives in it, a run is held, or it changed while it was copied."""

    code = "store_in_use"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} is in use: {reason}; stop whoever uses it")
        self.url, self.reason = url, reason


class StoreNotEmpty(StoreError):
    """The store holds something already, and only an empty one can take a copy."""

    code = "store_not_empty"

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} is not empty; copy into a new store")
        self.url = url


class StepFinal(StoreError):
    """The step has its outcome already, and an outcome is final."""

    code = "step_final"

    def __init__(self, run_id: str, position: str) -> None:
        super().__init__(f"step {position} of run {run_id!r} has its outcome")
        self.run_id, self.position = run_id, position


class InboxMoved(StoreError):
    """Something came in since this attempt looked, so the run may not be suspended."""

    code = "inbox_moved"
    retryable = True

    def __init__(self, run_id: str) -> None:
        super().__init__(f"something came in for run {run_id!r}")
        self.run_id = run_id


class StreamError(PerdureError):
    """A stream's log refused an entry."""


class SeqConflict(StreamError):
    """An entry does not follow the last one: two writers, or a stale one."""

    code = "seq_conflict"

    def __init__(self, run_id: str, expected: int, given: int) -> None:
        super().__init__(f"stream of run {run_id!r} is at {expected - 1}, the entry has seq {given}")
        self.run_id, self.expected, self.given = run_id, expected, given
