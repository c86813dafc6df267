"""One read of a stream for all who follow it in this process.

Each stream that is followed has a reader here: at news it reads what is new once, makes chunks of it once, and hands
them to everybody. The chunks are those of durable entries, which never change; who has a cursor further back reads
the pages before from the store. With many followers a hand-over takes its time: then the next one waits, so that the
run itself, which may be on this loop too, has most of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import takewhile
from weakref import WeakKeyDictionary

from perdure.core import topics
from perdure.core.clock import Clock, SystemClock, next_turn, pause
from perdure.stores.outages import read_again
from perdure.stores.port import Store
from perdure.streams.reading import Expanded, News, in_turns, read_news

KEPT_ENTRIES = 512
SLICE = 64
"""Followers that are told in one turn of the loop."""
REST = 9.0
"""How much longer than a hand-over took the next one waits, where it took more than `NOTICEABLE`."""
NOTICEABLE = 0.0002
LEAST_REST = 0.005
"""Many followers have what is new at most 200 times in a second: more is not seen, and each time costs as much."""


class SharedStream:
    """The reader of one stream; `after` is the seq before the oldest entry that it keeps, `head` the newest one's."""

    def __init__(self, store: Store, run_id: str, tenant: str | None, turn: int, after: int, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._run_id = run_id
        self._tenant = tenant
        self._turn = turn
        self._kept: deque[Expanded] = deque()
        self._waiters: dict[asyncio.Future[None], None] = {}
        self.after = self.head = after
        self.ended = False
        self._latest_after, self._latest = after, News((), after, ended=False)
        self.followers = 0
        self._error: BaseException | None = None
        self._watch = store.watch(topics.stream(tenant, run_id))
        self._task = asyncio.ensure_future(self._serve())

    async def news(self, after: int) -> News:
        """What lies past a seq; waits where there is nothing yet, and has no entries where some are not kept any more.

        Raises: what reading raised.
        """
        while after >= self.head and not self.ended:
            if self._error is not None:
                raise self._error
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                await waiter
            finally:
                self._waiters.pop(waiter, None)  # whoever goes leaves nothing in a stream that says nothing
        if after == self._latest_after:  # as nearly all are: one answer for all of them
            return self._latest
        newest_first = takewhile(lambda entry: entry.seq > after, reversed(self._kept))
        entries = list(newest_first)[::-1] if after >= self.after else []
        return News(entries, self.head, self.ended)

    def close(self) -> None:
        """Stop reading."""
        self._watch.close()
        self._task.cancel()

    async def _serve(self) -> None:
        try:
            while not self.ended:
                if await self._read() or self.ended:
                    await self._tell()
                else:
                    await self._watch.wait()
        except Exception as error:
            self._error = error
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_exception(error)

    async def _read(self) -> bool:
        """Take in a page; whether there was anything in it."""
        before, news = self.head, await read_again(self._clock, self._ask)
        new = [Expanded(entry.seq, entry.head, await in_turns(entry.chunks)) for entry in news.entries]
        self._kept += new
        self.head = new[-1].seq if new else before
        while len(self._kept) > KEPT_ENTRIES:
            self.after = self._kept.popleft().seq
        self.ended = news.ended and self.head >= news.head
        self._latest_after, self._latest = before, News(new, self.head, self.ended)
        return bool(new)

    async def _ask(self) -> News:
        return await read_news(self._store, self._run_id, tenant=self._tenant, after=self.head, turn=self._turn)

    async def _tell(self) -> None:
        """Wake everybody, some in each turn of the loop; then rest, where that took long."""
        begun = self._clock.elapsed()
        waiters = list(self._waiters)
        self._waiters.clear()
        for first in range(0, max(1, len(waiters)), SLICE):
            for waiter in waiters[first : first + SLICE]:
                if not waiter.done():
                    waiter.set_result(None)
            await next_turn()
        took = self._clock.elapsed() - begun
        if took > NOTICEABLE and not self.ended:
            await pause(self._clock, max(took * REST, LEAST_REST))


_shared: WeakKeyDictionary[Store, dict[tuple[str | None, str], SharedStream]] = WeakKeyDictionary()


def join(store: Store, run_id: str, tenant: str | None, turn: int, after: int, clock: Clock | None) -> SharedStream:
    """The shared reader of a stream, begun where there is none; `leave` it."""
    streams = _shared.setdefault(store, {})
    key = (tenant, run_id)
    if key not in streams:
        streams[key] = SharedStream(store, run_id, tenant, turn, after, clock or SystemClock())
    streams[key].followers += 1
    return streams[key]


def leave(store: Store, run_id: str, tenant: str | None, shared: SharedStream) -> None:
    """Follow it no more; the last one ends the reader."""
    shared.followers -= 1
    if not shared.followers:
        shared.close()
        streams = _shared.get(store, {})
        if streams.get((tenant, run_id)) is shared:
            del streams[tenant, run_id]
