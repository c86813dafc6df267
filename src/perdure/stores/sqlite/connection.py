"""Opening the file: what is refused before anything is touched, and how a connection is set up."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import cast

import apsw

from perdure.errors import StoreError, StoreInvalid, StoreTooNew, StoreUnavailable, StoreUrlInvalid
from perdure.stores.sqlite import log
from perdure.stores.sqlite.driver import (
    BUSY_SECONDS,
    Connection,
    open_connection,
    remove_log_at_close,
    wait_while_busy,
)

APPLICATION_ID = 0x70647265  # "pdre": what `file` shows, and how a stranger's database is told from ours
_OWNER = (
    "SELECT user_version, application_id, EXISTS (SELECT 1 FROM sqlite_schema)"
    " FROM pragma_user_version, pragma_application_id"
)

_PUT_BACK = "put the file back, or, if it was removed on purpose, remove {}-wal too"
_SHORT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EINTR}
"""Errors of the system that pass: of its handles, its memory or its disk."""

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "ncpfs"}


def prepare(path: str, url: str, *, create: bool = True) -> bool:
    """Check the place and make the file, readable by its owner only; whether it was made.

    Raises: StoreUrlInvalid for a folder that is missing or can't be written, a network file system, whose locks
    are not to be trusted, or a missing file that may not be made; StoreInvalid for what is no database file, and where
    only the log of one is there; StoreUnavailable where the system can't make a file now.
    """
    folder = Path(path).resolve().parent
    if not folder.is_dir():
        raise StoreUrlInvalid(url, f"there is no folder {folder}")
    kind = file_system(folder)
    if kind in _NETWORK:
        raise StoreUrlInvalid(url, f"{folder} is on a network file system ({kind}), whose locks can't be trusted")
    if Path(path).is_dir():
        raise StoreInvalid(path, "is a folder")
    # in this order: one that is being made has a log only after it has its file
    if Path(f"{path}-wal").exists() and not Path(path).exists():
        raise StoreInvalid(path, f"is not there, but its log is, which may hold commits: {_PUT_BACK.format(path)}")
    if not (create or Path(path).exists()):
        raise StoreUrlInvalid(url, "there is no such file, and looking into it makes none")
    try:
        # O_EXCL: only a file that is new is ever opened outside SQLite; closing an old one would drop its locks
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in _SHORT_OF:
            raise translate(error, path) from None
        raise StoreUrlInvalid(url, f"can't write there: {os.strerror(error.errno or errno.EIO)}") from None
    return True


def connect(path: str, known: int) -> Connection:
    """A connection with the settings that every one of ours has; `known` is the newest schema version of this code.

    Raises: StoreInvalid where the file is no database, or another program's; StoreTooNew; untouched then.
    """
    try:
        connection = open_connection(path)
    except apsw.Error as error:
        raise translate(error, path) from error
    try:
        connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
        remove_log_at_close(connection, removes=False)
        check_owner(connection, path, known)
        # the write-ahead log; SQLite itself waits here for no other process that opens or closes the file
        wait_while_busy(lambda: connection.pragma("journal_mode", "wal"))
        connection.pragma("synchronous", "FULL")
        connection.pragma("trusted_schema", 0)
        connection.pragma("journal_size_limit", log.LOG_BYTES)
        if sys.platform == "darwin":
            connection.pragma("fullfsync", 1)
    except apsw.Error as error:
        connection.close()
        raise translate(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


def check_owner(connection: Connection, path: str, known: int) -> int:
    """The file's schema version, 0 for an empty file.

    Raises: StoreInvalid for somebody else's database; StoreTooNew.
    """
    # one statement, so one state: between two of them another process may make the tables, and sign the file
    version, owner, tables = cast("tuple[int, int, int]", connection.execute(_OWNER).fetchall()[0])
    if owner != APPLICATION_ID and tables:
        raise StoreInvalid(path, "is a database of another program")
    if version > known:
        raise StoreTooNew(path, version, known)
    return version


def file_system(folder: Path) -> str:
    """The type of the file system that holds a folder, or an empty text where the system does not say.

    Source: proc(5), /proc/self/mounts; the longest mount point that is a prefix of the folder is the one.
    """
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in mounts.splitlines():
        _, point, this, *_ = line.split(" ")
        if len(point) >= len(best) and Path(point) in (folder, *folder.parents):
            best, kind = point, this
    return kind


_LASTING = (FileExistsError, NotADirectoryError, PermissionError)
"""What the system says where a file must be removed, or its permissions changed, before the store can be used."""


def translate(error: apsw.Error | OSError, path: str, *, unknown: bool = False) -> StoreError:
    """What an error of SQLite or the system means for a caller; `unknown`: a write may have landed all the same."""
    if isinstance(error, OSError):
        return StoreUnavailable(f"{path}: {error}", unknown=unknown, transient=not isinstance(error, _LASTING))
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.FormatError):
        return StoreInvalid(path, f"not a usable database: {error}")
    if isinstance(error, apsw.FullError):
        return StoreUnavailable(f"{path}: the disk is full", unknown=unknown)
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        return StoreUnavailable(f"{path}: can't be written: {error}", unknown=unknown)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreUnavailable(f"{path}: another program held its lock for {BUSY_SECONDS:.0f} s", unknown=unknown)
    return StoreUnavailable(f"{path}: {type(error).__name__}: {error}", unknown=unknown)
