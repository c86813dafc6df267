"""Everything that a memory store holds."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from perdure.core.chunks import Entry
from perdure.core.decisions.reads import TombstoneKind
from perdure.core.messages import Message
from perdure.core.records import EventRecord, KeyRecord, Question, RunRecord, StepRecord, UsageRecord, WorkerRecord
from perdure.core.threads import ThreadEvent, ThreadRecord, TurnRecord
from perdure.stores.memory import places
from perdure.stores.memory.places import PartRow
from perdure.stores.memory.tables import Numbered, Table, Undo

Key: TypeAlias = tuple[str | None, str]
"""A tenant, and the id of something of theirs."""


class RunRows:
    """What belongs to one run: rows keyed by step number, event seq, entry seq, (position, attempt)."""

    def __init__(self, undo: Undo, manifest: bytes) -> None:
        self.manifest = manifest
        self.steps: Table[int, StepRecord] = Table(undo)
        self.events: Numbered[EventRecord] = Numbered(undo, places.of_event)
        self.log: Numbered[Entry] = Numbered(undo)
        self.usage: Table[tuple[str, int], UsageRecord] = Table(undo)


class ThreadRows:
    """What belongs to one thread: rows keyed by number; messages by their ids, without parts; parts by message."""

    def __init__(self, undo: Undo) -> None:
        self.turns: Numbered[TurnRecord] = Numbered(undo, places.of_turn)
        self.events: Numbered[ThreadEvent] = Numbered(undo, places.of_thread_event)
        self.messages: Table[str, Message] = Table(undo, places.of_message)
        self.parts: Table[tuple[str, int], PartRow] = Table(undo, places.of_part)


class State:
    """The tables, and how to take back what the commit under way has done to them."""

    def __init__(self) -> None:
        self.undo = Undo()
        self.workers: Table[str, WorkerRecord] = Table(self.undo)
        self.runs: Table[Key, RunRecord] = Table(self.undo, places.of_run)
        self.of_run: Table[Key, RunRows] = Table(self.undo)
        self.questions: Table[Key, Question] = Table(self.undo, places.of_question)
        self.keys: Table[Key, KeyRecord] = Table(self.undo)
        self.threads: Table[Key, ThreadRecord] = Table(self.undo, places.of_thread)
        self.hidden: Table[Key, ThreadRecord] = Table(self.undo)
        self.of_thread: Table[Key, ThreadRows] = Table(self.undo)
        self.tombstones: Table[tuple[str | None, TombstoneKind, str], datetime] = Table(self.undo, places.of_tombstone)
