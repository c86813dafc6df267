"""Reading threads, their turns and their events."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord
from perdure.stores.port.tenants import EveryTenant


class ThreadReads(Protocol):
    """Reading threads."""

    async def get(self, thread_id: str, *, tenant: str | None) -> ThreadRecord | None:
        """The thread with its status, or None."""
        ...

    async def list(
        self,
        *,
        tenant: str | EveryTenant | None,
        owner: str | None = None,
        agent: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[ThreadRecord]:
        """Threads, the newest first, ids breaking ties; `before` is (created_at, thread_id) of a page's last one."""
        ...

    async def path(self, thread_id: str, *, tenant: str | None, turn: int | None = None) -> list[TurnRecord]:
        """The turns from the root to one turn, in order; to the head where none is named."""
        ...

    async def turns(self, thread_id: str, *, tenant: str | None, after: int = 0) -> list[TurnRecord]:
        """The thread's own turns with a number greater than `after`, on whatever path, in order of their numbers."""
        ...

    async def events(
        self, thread_id: str, *, tenant: str | None, after: int = 0, limit: int = 500
    ) -> list[ThreadEvent]:
        """A thread's events with a seq greater than `after`, in order."""
        ...
