"""From a URL to a store."""

from __future__ import annotations

from urllib.parse import unquote

from perdure.core.clock import Clock
from perdure.errors import StoreUrlInvalid
from perdure.stores.port import Store


async def open_store(url: str, *, clock: Clock | None = None, create: bool = True) -> Store:
    """Open the store that a URL names.

    Shape: `memory:` is a new store of this process; `sqlite:///relative/path.db` and `sqlite:////absolute/path.db`
    are files, made where they are missing, unless `create` is off.
    Raises: StoreUrlInvalid, StoreInvalid, StoreTooNew, StoreUnavailable; nothing was changed then.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and rest in {"", "//"}:
        if not create:
            raise StoreUrlInvalid(url, "a store in memory is a new one, and there is nothing in it")
        from perdure.stores.memory import MemoryStore

        return MemoryStore(url)
    if scheme == "sqlite":
        if not rest.startswith("///") or len(rest) == len("///"):
            raise StoreUrlInvalid(url, "write sqlite:///relative/path.db or sqlite:////absolute/path.db")
        from perdure.stores.sqlite import open_sqlite

        return await open_sqlite(url, unquote(rest.removeprefix("///")), clock, create=create)
    raise StoreUrlInvalid(url, f"the scheme {scheme!r} is not known; use memory: or sqlite:///path.db")
