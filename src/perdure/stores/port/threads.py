"""Threads, their turns and their events."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from perdure.core.messages import Message
from perdure.core.threads import ThreadEvent, ThreadRecord
from perdure.core.values import Value
from perdure.stores.port.runs import CreateRun


class CreateThread(msgspec.Struct, frozen=True, kw_only=True):
    """Make a thread unless there is one with this id.

    Shape: the thread, and it is as it was where it existed.
    """

    thread: ThreadRecord


class UpdateThread(msgspec.Struct, frozen=True, kw_only=True):
    """Change what is given of a thread: title, metadata, settings; None leaves it.

    Raises: ThreadNotFound.
    """

    thread_id: str
    at: datetime
    title: str | None = None
    metadata: dict[str, Value] | None = None
    settings: dict[str, Value] | None = None


class DeleteThread(msgspec.Struct, frozen=True, kw_only=True):
    """Delete a thread with all that is its own: messages, events, turns, and its runs with all of theirs.

    Whoever executes one of them has lost its lease.
    Raises: ThreadNotFound.
    """

    thread_id: str


class StartTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Add the next turn to a thread: its messages, and its run, queued.

    Shape: the turn's number, from 1, which the messages get too, with places in their order. Where the run is
    such a turn already, with the same manifest, nothing changes and its number comes back: a send can be repeated, even
    when the run has been deleted since.
    Raises: ThreadNotFound; ThreadBusy where the latest turn has not ended; RunInputMismatch where the run is there with
    another manifest, or is no turn of this thread; MessageExists.
    """

    thread_id: str
    run: CreateRun
    messages: tuple[Message, ...]


class AddThreadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Append an event to a thread; the store assigns its seq, without gaps.

    Shape: the event. Raises: ThreadNotFound.
    """

    thread_id: str
    kind: str
    body: dict[str, Value]
    at: datetime


class ThreadReads(Protocol):
    """Reading threads."""

    async def get(self, thread_id: str) -> ThreadRecord | None:
        """The thread with its status, or None."""
        ...

    async def list(
        self,
        *,
        owner: str | None = None,
        agent: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[ThreadRecord]:
        """Threads, the newest first, ids breaking ties; `before` is (created_at, thread_id) of a page's last one."""
        ...

    async def turns(self, thread_id: str, *, after: int = 0) -> list[tuple[int, str]]:
        """(turn, run id) of the turns after one, in order."""
        ...

    async def events(self, thread_id: str, *, after: int = 0, limit: int = 500) -> list[ThreadEvent]:
        """A thread's events with a seq greater than `after`, in order."""
        ...
