"""Notices: who wants news of a topic, in this process. Hints, never facts.

A back end calls `publish` on the loop after a commit has landed; whoever is told looks at the store itself. A watch
remembers that it was told until it is asked, so nothing falls between looking and waiting.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from threading import Lock


class Notices:
    """The listeners of one store, by topic."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Listening, None]] = {}
        self._kinds = defaultdict[str, dict[str, None]](dict)  # the topics that have listeners, by kind
        self._kinds_change = Lock()

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at news of a topic, until the function that comes back is called."""
        listening = Listening(self, topic, callback)
        listeners = self._listeners.get(topic)
        if listeners is None:
            listeners = self._listeners[topic] = {}
            with self._kinds_change:
                self._kinds[_kind(topic)][topic] = None
        listeners[listening] = None
        return listening

    def stop(self, listening: Listening) -> None:
        """Call it back no more. Safe twice."""
        topic = listening.topic
        listeners = self._listeners.get(topic)
        if listeners is None or listening not in listeners:
            return
        del listeners[listening]
        if not listeners:
            del self._listeners[topic]
            with self._kinds_change:
                del self._kinds[_kind(topic)][topic]

    def topics(self, kind: str) -> tuple[str, ...]:
        """The topics of a kind (`stream`, of `stream:ID`) that somebody listens to; any thread may ask."""
        with self._kinds_change:
            return tuple(self._kinds[kind])

    def watch(self, topics: tuple[str, ...]) -> TopicWatch:
        """A watch of these topics, from now on."""
        watch = TopicWatch()
        watch.stops = [self.listen(topic, watch.tell) for topic in topics]
        return watch

    def publish(self, topics: Iterable[str]) -> None:
        """Tell whoever wants news of one of the topics."""
        if self._listeners:
            for topic in topics:
                for listening in tuple(self._listeners.get(topic, ())):
                    listening.callback()

    def publish_all(self) -> None:
        """Tell everybody: something was missed, or the store closes."""
        self.publish(tuple(self._listeners))


class Listening:
    """One who listens to a topic; to call it ends that."""

    __slots__ = ("_notices", "callback", "topic")

    def __init__(self, notices: Notices, topic: str, callback: Callable[[], None]) -> None:
        self._notices = notices
        self.topic = topic
        self.callback = callback

    def __call__(self) -> None:
        self._notices.stop(self)


def _kind(topic: str) -> str:
    return topic.partition(":")[0]


class TopicWatch:
    """The `Watch` of every back end."""

    __slots__ = ("_told", "_waiter", "stops")

    def __init__(self) -> None:
        self._told = False
        self._waiter: asyncio.Future[None] | None = None
        self.stops: list[Callable[[], None]] = []

    def tell(self) -> None:
        """There is news."""
        self._told = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Return at the next news, or at once where there was some since the last return."""
        if not self._told:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._told = False

    def close(self) -> None:
        """Stop watching."""
        for stop in self.stops:
            stop()
