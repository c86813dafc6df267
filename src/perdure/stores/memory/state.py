"""Everything that a memory store holds."""

from __future__ import annotations

from perdure.core.chunks import Entry
from perdure.core.messages import Message
from perdure.core.records import EventRecord, Question, RunRecord, StepRecord, WorkerRecord
from perdure.core.threads import ThreadEvent, ThreadRecord
from perdure.stores.memory.tables import Table, Undo


class State:
    """The tables, and what the commit under way has done to them.

    Shape: `manifests`, `steps`, `events` and `logs` have a row for each run, `turns` and `thread_events` one for each
    thread, `parts` one for each message. Parts are kept as JSON; messages are kept without them.
    """

    def __init__(self) -> None:
        self.undo = Undo()
        self.news: set[str] = set()
        self.workers: Table[str, WorkerRecord] = Table(self.undo)
        self.runs: Table[str, RunRecord] = Table(self.undo)
        self.manifests: Table[str, bytes] = Table(self.undo)
        self.steps: Table[str, Table[str, StepRecord]] = Table(self.undo)
        self.events: Table[str, Table[str, EventRecord]] = Table(self.undo)
        self.logs: Table[str, Table[int, Entry]] = Table(self.undo)
        self.questions: Table[str, Question] = Table(self.undo)
        self.threads: Table[str, ThreadRecord] = Table(self.undo)
        self.turns: Table[str, Table[int, str]] = Table(self.undo)
        self.thread_events: Table[str, Table[int, ThreadEvent]] = Table(self.undo)
        self.messages: Table[str, Message] = Table(self.undo)
        self.parts: Table[str, Table[int, bytes]] = Table(self.undo)

    def settle(self) -> frozenset[str]:
        """Keep what was changed. Shape: the topics that there is news of."""
        self.undo.forget()
        news = frozenset(self.news)
        self.news.clear()
        return news

    def take_back(self) -> None:
        """Undo what was changed."""
        self.undo.take_back()
        self.news.clear()
