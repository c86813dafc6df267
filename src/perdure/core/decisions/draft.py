"""A draft: what a commit is going to write, and the rows that it has read, as they will be."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

import msgspec

from perdure.core.decisions.changes import (
    Change,
    InsertMessage,
    InsertRun,
    RemoveRun,
    UpdateMessage,
    UpdateRun,
    UpdateThreadRow,
)
from perdure.core.decisions.reads import GetMessage, GetRun, GetThread, Read
from perdure.core.messages import Message
from perdure.core.records import RunRecord
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.errors import RunNotFound, ThreadNotFound

T = TypeVar("T")

Decision: TypeAlias = Generator[Read, Value, T]
"""A decision under way: it yields reads, is sent what they give, and returns what its operation gives back."""


class Draft:
    """Changes in order, and the topics that there will be news of.

    A row that a decision reads again is the one that it has changed: so what one operation does twice to a row adds
    up, and is one write.
    """

    __slots__ = ("_changes", "_messages", "_runs", "_threads", "_updates", "topics")

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._updates: dict[tuple[str | None, str], int] = {}  # where the latest change of a run's row stands
        self._runs: dict[tuple[str | None, str], RunRecord | None] = {}
        self._threads: dict[tuple[str | None, str], ThreadRecord | None] = {}
        self._messages: dict[tuple[str | None, str, str], Message | None] = {}
        self.topics: set[str] = set()

    def add(self, change: Change) -> None:
        """Write this too."""
        self._changes.append(change)

    def take(self) -> list[Change]:
        """What is to be written and has not been taken yet, in order."""
        changes, self._changes = self._changes, []
        self._updates.clear()
        return changes

    # Runs.

    def find_run(self, tenant: str | None, run_id: str) -> Decision[RunRecord | None]:
        """The run as it will be, or None."""
        key = (tenant, run_id)
        if key not in self._runs:
            self._runs[key] = yield GetRun(tenant, run_id)
        return self._runs[key]

    def get_run(self, tenant: str | None, run_id: str) -> Decision[RunRecord]:
        """The run as it will be. Raises: RunNotFound."""
        run = yield from self.find_run(tenant, run_id)
        if run is None:
            raise RunNotFound(run_id)
        return run

    def know(self, run: RunRecord) -> RunRecord:
        """The run as it will be, where a read has just given it."""
        return self._runs.setdefault((run.tenant, run.run_id), run) or run

    def insert_run(self, run: RunRecord, manifest: bytes) -> None:
        """A run that is new."""
        self._runs[run.tenant, run.run_id] = run
        self.add(InsertRun(run, manifest))

    def change_run(self, run: RunRecord, **fields: Value) -> RunRecord:
        """Change some fields of a run's row; those that stay as they are are not written."""
        changed = {name: value for name, value in fields.items() if getattr(run, name) != value}
        if not changed:
            return run
        after, key = msgspec.structs.replace(run, **changed), (run.tenant, run.run_id)
        self._runs[key] = after
        place = self._updates.get(key)
        before = None if place is None else self._changes[place]
        if place is not None and isinstance(before, UpdateRun) and before.run is run:
            self._changes[place] = UpdateRun(after, before.fields | changed)
        else:
            self._updates[key] = len(self._changes)
            self.add(UpdateRun(after, changed))
        return after

    def remove_run(self, run: RunRecord) -> None:
        """Remove a run."""
        self._runs[run.tenant, run.run_id] = None
        self.add(RemoveRun(run))

    # Threads.

    def find_thread(self, tenant: str | None, thread_id: str) -> Decision[ThreadRecord | None]:
        """The thread as it will be, or None."""
        key = (tenant, thread_id)
        if key not in self._threads:
            self._threads[key] = yield GetThread(tenant, thread_id)
        return self._threads[key]

    def get_thread(self, tenant: str | None, thread_id: str) -> Decision[ThreadRecord]:
        """The thread as it will be. Raises: ThreadNotFound."""
        thread = yield from self.find_thread(tenant, thread_id)
        if thread is None:
            raise ThreadNotFound(thread_id)
        return thread

    def set_thread(self, thread: ThreadRecord) -> None:
        """The thread as it will be, where it is new, or was read in another way."""
        self._threads[thread.tenant, thread.thread_id] = thread

    def change_thread(self, thread: ThreadRecord, **fields: Value) -> ThreadRecord:
        """Change some fields of a thread's row."""
        after = msgspec.structs.replace(thread, **fields)
        self._threads[thread.tenant, thread.thread_id] = after
        for place, change in enumerate(self._changes):
            if isinstance(change, UpdateThreadRow) and change.thread is thread:
                self._changes[place] = UpdateThreadRow(after, change.fields | fields)
                return after
        self.add(UpdateThreadRow(after, fields))
        return after

    # Messages, without their parts.

    def find_message(self, tenant: str | None, thread_id: str, message_id: str) -> Decision[Message | None]:
        """The message as it will be, or None."""
        key = (tenant, thread_id, message_id)
        if key not in self._messages:
            self._messages[key] = yield GetMessage(tenant, thread_id, message_id)
        return self._messages[key]

    def insert_message(self, message: Message) -> None:
        """A message that is new."""
        self._messages[message.tenant, message.thread_id, message.message_id] = msgspec.structs.replace(
            message, parts=()
        )
        self.add(InsertMessage(message))

    def update_message(self, change: UpdateMessage) -> None:
        """Change some fields of a message's row."""
        message = change.message
        after = msgspec.structs.replace(message, version=change.version, status=change.status or message.status)
        self._messages[message.tenant, message.thread_id, message.message_id] = after
        self.add(change)
