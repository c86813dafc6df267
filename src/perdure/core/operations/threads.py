"""Threads, their turns and their events."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.messages import Message
from perdure.core.operations.runs import CreateRun
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value


class CreateThread(msgspec.Struct, frozen=True, kw_only=True):
    """Make a thread unless there is one with this id; with a `root` it is a fork of another thread's turn.

    Shape: the thread as it is now.
    Key: (tenant, thread id).
    Raises: Deleted where it was deleted; ThreadNotFound, TurnNotFound for the root.
    """

    thread: ThreadRecord


class UpdateThread(msgspec.Struct, frozen=True, kw_only=True):
    """Change what is given of a thread: title, metadata, settings; None leaves it.

    Shape: the thread as it is now. `version`, where it is given, is the one that was seen.
    Key: the version seen; without one the last landing wins.
    Raises: ThreadNotFound; ThreadChanged where the version is another one.
    """

    tenant: str | None
    thread_id: str
    at: datetime
    title: str | None = None
    metadata: dict[str, Value] | None = None
    settings: dict[str, Value] | None = None
    version: int | None = None


class DeleteThread(msgspec.Struct, frozen=True, kw_only=True):
    """Delete a thread with all that is its own: messages, events, turns, and its runs with all of theirs.

    Shape: whoever executes one of its runs has lost its lease; such a run is cancelled first, so that its parent is
    told, its children are cancelled and its concurrency key goes on. Turns that another thread's path needs stay until
    that thread is deleted too, and are not readable through this one. At most `limit` runs are removed, the newest
    first; what comes back is whether there are more, and the thread is there as long as there are.
    Key: a tombstone.
    Raises: ThreadNotFound.
    """

    tenant: str | None
    thread_id: str
    at: datetime
    limit: int = 100


class StartTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Add a turn to a thread: its messages, and its run, queued; the thread's head moves to it.

    Shape: TurnRecord; its number is given here, and the messages get it, with places in their order. Its parent is
    the head, or with `after` the turn of that number (0 for the root): an edit or a regeneration is a sibling. `head`,
    where it is given, is the head that was seen.
    Key: the run's id and hash: a send can be repeated, even when the run has been deleted since.
    Raises: ThreadNotFound; TurnNotFound; ThreadBusy where the turn at the head has not ended; ThreadChanged where the
    head is another one; RunInputMismatch where the run is there with another manifest, or is no turn of this thread;
    MessageExists.
    """

    tenant: str | None
    thread_id: str
    run: CreateRun
    messages: tuple[Message, ...]
    after: int | None = None
    head: int | None = None


class AddThreadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Append an event to a thread; its seq comes from the thread's row, without gaps.

    Shape: ThreadEvent. Key: `event_id`.
    Raises: ThreadNotFound; InputError for the kind `status`, which only a run's edge makes.
    """

    tenant: str | None
    thread_id: str
    event_id: str
    kind: str
    body: dict[str, Value]
    at: datetime
