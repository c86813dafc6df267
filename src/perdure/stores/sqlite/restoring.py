"""Accepting a file that is a copy or a backup: a new epoch, with nobody else at it, and no log that is not its own."""

from __future__ import annotations

import os
from contextlib import suppress

import apsw

from perdure.errors import SettingInvalid, StoreUnavailable, StoreUrlInvalid
from perdure.stores.restored import Log, Restored
from perdure.stores.sqlite.connection import connect, translate
from perdure.stores.sqlite.driver import remove_log_at_close
from perdure.stores.sqlite.identity import beside, log_bytes, note, restore
from perdure.stores.sqlite.schema import VERSION, migrate
from perdure.stores.sqlite.write_queue import WriteQueue


def restore_file(url: str, path: str, log: Log | None) -> Restored:
    """Accept the file as it is now.

    Raises: StoreUrlInvalid where there is none; StoreUnavailable where a process has it open; SettingInvalid where
    the log beside it may be that of another file, and `log` does not say; StoreInvalid, StoreTooNew. Nothing was
    changed then.
    """
    path = os.path.realpath(path)
    if not os.path.isfile(path):  # noqa: PTH113 - a text of a path, as everywhere in this room
        raise StoreUrlInvalid(url, "there is no such file")
    write_queue = WriteQueue(path)
    try:
        if not write_queue.is_alone():
            raise StoreUnavailable(f"{path}: a process has it open; stop it first")
        aside = _set_aside(path) if _is_doubtful(path, log) else None
        connection = connect(path, VERSION)
        try:
            migrate(connection, path)
            identity = restore(connection, path)
            remove_log_at_close(connection, removes=True)  # nobody else has it open
        finally:
            connection.close()
        note(path, identity)
    except apsw.Error as error:
        raise translate(error, path) from error
    finally:
        write_queue.close()
    return Restored(store_id=identity.store_id, epoch=identity.epoch, set_aside=aside)


def _is_doubtful(path: str, log: Log | None) -> bool:
    """Whether there is a log, and it is to be set aside. Raises: SettingInvalid."""
    if not log_bytes(path) or log == "keep":
        return False
    if log == "aside":
        return True
    known = beside(path)
    if known is None or known.inode == os.stat(path).st_ino:  # noqa: PTH116 - see restore_file
        return False
    why = f"{path}-wal may be the log of the file that was here before, or have been copied along with this one"
    raise SettingInvalid("--log", f"{why}: say `aside` or `keep`")


def _set_aside(path: str) -> str:
    """Give the log another name; nothing of it is lost."""
    number = 1
    while os.path.exists(aside := f"{path}-wal-aside-{number}"):  # noqa: PTH110 - see restore_file
        number += 1
    os.rename(f"{path}-wal", aside)  # noqa: PTH104 - see restore_file
    with suppress(FileNotFoundError):
        os.unlink(f"{path}-shm")  # noqa: PTH108 - see restore_file
    return aside
