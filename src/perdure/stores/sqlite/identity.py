"""Which database a file is, and whether the path still names the one that is open.

A database can be removed, replaced by another file, put back from a backup, or copied and run beside the original. In
each case steps that are committed elsewhere would run again here, and a commit could go into a file that has no name
any more. Four facts are looked at:

- The device and inode of the open file with those that the path names, before a commit, a read or a look, where the
  last comparison is older than `LOOK_EVERY`.
- The same for its log: a program that uses the database beside perdure removes it where it takes itself for the last
  one, and so does whoever cleans up by hand. Not after each commit: to ask for it makes the next write of it take a
  third longer, on ext4. So what was committed since the last comparison may be lost with the log, and no more.
- The inode that the database was last opened under, kept inside it: a copy has another one.
- A mark that grows, kept inside the database and in a file beside it. The one beside it is written after its commit is
  durable, so a database whose own mark is lower has lost commits: a backup was written over it, or its log removed.

The mark grows with a commit that is made anyway: the first one of a process, the next one after a checkpoint, and one
a second. What is lost without a mark in it is not seen: commits that others made in the second after a checkpoint of
this process. Nor is a copy of the whole disk seen, nor a file whose number the file system keeps for its copy.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, cast

import apsw
import msgspec

from perdure.errors import StoreInvalid, StoreMoved, StoreReplaced
from perdure.stores.sqlite.driver import wait_while_busy

if TYPE_CHECKING:
    from perdure.stores.sqlite.driver import Connection
    from perdure.stores.sqlite.transaction import Transaction

SQL = """
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    store_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    inode INTEGER NOT NULL
);
INSERT INTO identity VALUES (1, lower(hex(randomblob(16))), 1, 0, 0);
"""

LOOK_EVERY = 0.05
MARK_EVERY = 1.0
_READ = "SELECT store_id, epoch, mark, inode FROM identity"
_ADOPT = "UPDATE identity SET inode = ? WHERE inode = 0"
_MARK = "UPDATE identity SET mark = mark + 1 WHERE id = 1 RETURNING store_id, epoch, mark, inode"
_RESTORE = (
    "UPDATE identity SET epoch = max(epoch, ?) + 1, mark = max(mark, ?) + 1, inode = ?"
    " RETURNING store_id, epoch, mark, inode"
)
_WIDTH = 160

_log = logging.getLogger("perdure.store")


class Identity(msgspec.Struct, frozen=True):
    """What a database, and the file beside it, say of themselves; `inode` is 0 where it was never opened."""

    store_id: str
    epoch: int
    mark: int
    inode: int


def beside(path: str) -> Identity | None:
    """What the file beside the database says; None where there is none that can be read."""
    try:
        with open(f"{path}-identity", "rb") as file:  # noqa: PTH123 - a text of a path, as everywhere in this room
            return msgspec.json.decode(file.read(), type=Identity)
    except (OSError, msgspec.DecodeError):
        return None


def note(path: str, identity: Identity) -> None:
    """Write the file beside the database: one write of one length, so that a crash leaves the old one or the new."""
    try:
        handle = os.open(f"{path}-identity", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(handle, msgspec.json.encode(identity).ljust(_WIDTH), 0)
        finally:
            os.close(handle)
    except OSError as error:
        _log.warning("%s-identity can't be written: %s", path, error)


def forget(path: str) -> None:
    """Remove the file beside a database that has just been made: it was that of one that was removed."""
    try:
        os.unlink(f"{path}-identity")  # noqa: PTH108 - see beside
    except FileNotFoundError:
        return


def check_unopened(path: str) -> None:
    """Before SQLite opens the file, and would apply to it whatever log it finds.

    Raises: StoreReplaced where the log is that of another file, or where the file has been emptied.
    """
    has_log = log_bytes(path) > 0  # asked first: whoever makes a new file has no log before it has no known identity
    known, found = beside(path), os.stat(path)  # noqa: PTH116 - see beside
    if known is None:
        return
    if found.st_size == 0 and known.inode == found.st_ino:
        raise StoreReplaced(path, "the file was a database, and has been emptied")
    if has_log and known.inode != found.st_ino:
        raise StoreReplaced(path, f"another file was put in its place, and {path}-wal may be the log of the old one")


def log_bytes(path: str) -> int:
    """The size of the log, 0 where there is none."""
    try:
        return os.stat(f"{path}-wal").st_size  # noqa: PTH116 - see beside
    except FileNotFoundError:
        return 0


def adopt(connection: Connection, path: str) -> Identity:
    """Compare a database that has just been opened with what was known of it here.

    Raises: StoreReplaced where it is a copy, or has lost commits; StoreInvalid where its last page is cut off.
    Nothing was changed then.
    """
    found = os.stat(path)  # noqa: PTH116 - see beside
    inode = found.st_ino
    pages = cast("int", connection.pragma("page_size"))
    if found.st_size % pages and not log_bytes(path):  # SQLite itself misses whole pages only
        raise StoreInvalid(path, f"is cut short: {found.st_size} bytes are not a whole number of pages")
    own = _row(connection, _READ)
    if own.inode == 0:
        connection.execute(_ADOPT, (inode,))
        # so that it is never in the log alone; a checkpoint waits for no other one by itself
        wait_while_busy(lambda: connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE))
        own = _row(connection, _READ)
    if own.inode != inode:
        raise StoreReplaced(path, "the file is a copy of a database, or a backup that was put back")
    known = beside(path)
    if known is not None and known.store_id == own.store_id and (known.epoch, known.mark) > (own.epoch, own.mark):
        raise StoreReplaced(path, "commits are missing: a backup was put back, or its log was removed")
    if known != own:
        note(path, own)
    return own


def restore(connection: Connection, path: str) -> Identity:
    """Accept the file as it is: a new epoch, under the inode that it has now.

    Raises: StoreInvalid where its pages do not fit together, as those of a copy that was made during a checkpoint.
    """
    wrong = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)").fetchall() if row[0] != "ok"]
    if wrong:
        raise StoreInvalid(path, f"is damaged, or was copied while it was being written: {wrong[0]}")
    known, own = beside(path), _row(connection, _READ)
    epoch, mark = (known.epoch, known.mark) if known is not None and known.store_id == own.store_id else (0, 0)
    return _row(connection, _RESTORE, epoch, mark, os.stat(path).st_ino)  # noqa: PTH116 - see beside


def _row(connection: Connection, sql: str, *values: int) -> Identity:
    return _identity(connection.execute(sql, values).fetchall()[0])


def _identity(row: tuple[object, ...]) -> Identity:
    return Identity(*cast("tuple[str, int, int, int]", row))


class OpenFile:
    """The file that a store has open.

    Shape: from `due_after` on, the next commit has to look at the file, or to write a mark.
    Units: `now` and `due_after` in elapsed seconds.
    """

    def __init__(self, path: str, identity: Identity) -> None:
        found = os.stat(path)  # noqa: PTH116 - see beside
        self._path = path
        self._identity = identity
        self._place = found.st_dev, found.st_ino
        self._look_after = float("-inf")
        self._mark_after = float("-inf")
        self._marked: Identity | None = None
        self._log = f"{path}-wal"
        self._log_place = self._named(self._log)
        self.due_after = float("-inf")

    def check(self, now: float) -> None:
        """Look at what the path names, where that has not been done just now. Raises: StoreMoved, StoreReplaced."""
        if now < self._look_after:
            return
        self._look_after = self.due_after = float("-inf")  # while something is wrong, everybody looks
        place = self._named(self._path)
        if place is None:
            raise StoreMoved(self._path)
        if place != self._place:
            raise StoreReplaced(self._path, "another file was put in its place while it was open")
        if self._named(self._log) != self._log_place:
            raise StoreReplaced(self._path, "its log was removed while it was open, and the last commits with it")
        self._look_after = now + LOOK_EVERY
        self.due_after = min(self._look_after, self._mark_after)

    @property
    def is_replaced(self) -> bool:
        """Whether the path names another file now."""
        return self._named(self._path) not in {None, self._place}

    def _named(self, path: str) -> tuple[int, int] | None:
        try:
            found = os.stat(path)  # noqa: PTH116 - see beside
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # that it can't be asked says nothing; the database itself will
            return self._place if path == self._path else self._log_place
        return found.st_dev, found.st_ino

    def mark(self, tx: Transaction, now: float) -> None:
        """Let the mark grow with this commit, where one is due. Raises: StoreReplaced where it is not ours any more."""
        self._marked = None
        if now < self._mark_after:
            return
        rows, known = tx.rows(_MARK), self._identity
        marked = _identity(rows[0]) if rows else None
        if marked is None or (marked.store_id, marked.epoch) != (known.store_id, known.epoch):
            raise StoreReplaced(self._path, "another database was written over it while it was open")
        if marked.mark <= known.mark:
            raise StoreReplaced(self._path, "an older state was written over it while it was open")
        self._marked = marked

    def landed(self, now: float) -> None:
        """The commit is durable."""
        if self._marked is not None:
            self._identity, self._marked = self._marked, None
            self._mark_after = now + MARK_EVERY
            self.due_after = min(self._look_after, self._mark_after)
            note(self._path, self._identity)

    def log_begins_anew(self) -> None:
        """The log was moved into the database: the next commit has a mark, so that a log that is lost is missed."""
        self._mark_after = self.due_after = float("-inf")
