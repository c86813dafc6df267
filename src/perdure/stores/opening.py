"""From a URL to a store."""

from __future__ import annotations

from perdure.core.clock import Clock
from perdure.errors import StoreUrlInvalid
from perdure.stores.background import in_thread
from perdure.stores.port import Store
from perdure.stores.restored import Log, Restored


async def open_store(url: str, *, clock: Clock | None = None, create: bool = True) -> Store:
    """Open the store that a URL names.

    Shape: `memory:` is a new store of this process; `sqlite:///relative/path.db` and `sqlite:////absolute/path.db`
    are files, made where they are missing, unless `create` is off.
    Raises: StoreUrlInvalid, StoreInvalid, StoreTooNew, StoreReplaced, StoreUnavailable; nothing was changed then.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and rest in {"", "//"}:
        if not create:
            raise StoreUrlInvalid(url, "a store in memory is a new one, and there is nothing in it")
        from perdure.stores.memory import MemoryStore

        return MemoryStore(url, clock=clock)
    if scheme == "sqlite":
        from perdure.stores.sqlite import open_sqlite

        return await open_sqlite(url, _path_of(url, rest), clock, create=create)
    raise StoreUrlInvalid(url, f"the scheme {scheme!r} is not known; use memory: or sqlite:///path.db")


def in_folder(url: str, folder: str) -> str:
    """The URL of a file whose path is relative, from a folder on; any other URL as it is."""
    scheme, _, rest = url.partition(":")
    path = rest.removeprefix("///")
    if scheme != "sqlite" or path in {rest, ""} or path.startswith(("/", ":memory:", "file:")):
        return url
    from urllib.parse import quote

    return f"sqlite:///{quote(folder)}/{path}"


async def restore_store(url: str, *, log: Log | None = None) -> Restored:
    """Accept a database that is a copy or a backup, which `open_store` refuses with StoreReplaced.

    Shape: its epoch grows. `log` says what becomes of a write-ahead log beside it that may be that of another file.
    Raises: StoreUrlInvalid where there is no file; StoreUnavailable where a process has it open; SettingInvalid where
    `log` has to be said; StoreInvalid, StoreTooNew. Nothing was changed then.
    """
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        raise StoreUrlInvalid(url, "only a file can be a copy or a backup; use sqlite:///path.db")
    from perdure.stores.sqlite.restoring import restore_file

    return await in_thread(restore_file, url, _path_of(url, rest), log)


def _path_of(url: str, rest: str) -> str:
    if not rest.startswith("///") or len(rest) == len("///"):
        raise StoreUrlInvalid(url, "write sqlite:///relative/path.db or sqlite:////absolute/path.db")
    from urllib.parse import unquote

    path = unquote(rest.removeprefix("///"))
    if path.startswith((":memory:", "file:")):  # names that SQLite takes for no file's
        raise StoreUrlInvalid(url, "it names no file; for a store in memory use memory:")
    return path
