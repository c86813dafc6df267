"""The course of a demo: a turn is sent, a worker and a reader are started and killed and started, and all is counted.

The conductor executes nothing of the turn. It sees what anybody outside can see, and after each kill it looks at what
the dead worker left behind, which nobody can change before the next one is started.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from perdure.core.clock import SystemClock, pause
from perdure.core.ids import derived_random
from perdure.core.states import ENDED
from perdure.demo.app import demo_app
from perdure.demo.display import Display
from perdure.demo.killing import Killer, Landing, Sight, Where
from perdure.demo.leaving import left_behind
from perdure.demo.ledger import counted_names, ledger_at
from perdure.demo.processes import Child, WorkerEnded
from perdure.demo.recounting import Counted, recount
from perdure.demo.settings import Settings
from perdure.demo.watching import Watcher

if TYPE_CHECKING:
    from perdure.agents import Turn
    from perdure.app.client import Client

TICK = 0.01
READER_LIVES_FOR = (0.8, 4.0)
READER_ENDS_WITHIN = 20.0
CATCHES_UP_WITHIN = 0.5


class Conductor:
    """One demo."""

    def __init__(self, settings: Settings, kills: int, show: Display) -> None:
        environment = settings.save()
        self._settings = settings
        self._show = show
        self._clock = SystemClock()
        self._random = derived_random(f"{settings.seed} conductor".encode())
        self._killer = Killer(kills, self._random, settings.tool_for)
        self._watcher = Watcher(ledger_at(settings.ledger), self._clock)
        self._worker = Child("worker", environment, settings.log)
        self._reader = Child("reader", environment, settings.log)
        self._reader_until = 0.0
        self._began = self._clock.elapsed()

    async def perform(self) -> Counted:
        """The whole course. Raises: what a client raises; WorkerEnded where the worker ends by itself."""
        async with demo_app(self._settings).client() as client:
            thread = await client.threads.create("demo")
            turn = await thread.send(self._settings.question)
            following = asyncio.ensure_future(self._follow(turn))
            try:
                await self._start_worker(client, turn)
                await self._start_reader(thread.id)
                while not following.done():
                    await self._tick(client, turn)
                following.result()
                await asyncio.wait_for(self._let_the_reader_finish(turn), READER_ENDS_WITHIN)
                await self._worker.stop()
            finally:
                following.cancel()
                await asyncio.gather(self._worker.kill(), self._reader.kill(), following, return_exceptions=True)
            return await recount(
                client,
                turn,
                self._settings,
                self._killer.landings,
                readers=self._reader.lives,
                elapsed=self._clock.elapsed() - self._began,
            )

    async def _follow(self, turn: Turn) -> None:
        """Show the stream, and tell the watcher; over when the turn is."""
        async for chunk in turn.stream():
            self._watcher.feed(chunk)
            self._show.feed(chunk)

    async def _tick(self, client: Client, turn: Turn) -> None:
        sight = self._watcher.look()
        self._show.executed(self._watcher.take_news())
        place = self._killer.due(sight)
        if place is not None:
            await self._kill(client, turn, place)
        elif self._worker.has_ended:
            raise WorkerEnded(self._settings.log)
        elif self._clock.elapsed() >= self._reader_until:
            await self._reader.kill()
            await self._start_reader(turn.thread_id)
        else:
            await pause(self._clock, TICK)

    async def _kill(self, client: Client, turn: Turn, place: Where) -> None:
        await self._worker.kill()
        if (await turn.record()).status in ENDED:
            return  # the turn was quicker
        await self._catch_up(client, turn)
        sight = self._watcher.look()
        landing = await self._landing(client, turn, sight)
        self._killer.landed(landing, sight, place)
        self._show.killed(landing)
        await self._start_worker(client, turn)

    async def _catch_up(self, client: Client, turn: Turn) -> None:
        """See everything that the dead worker has said, so that what is told next is told in order."""
        head = (await left_behind(client.store, turn.run_id)).head
        until = self._clock.elapsed() + CATCHES_UP_WITHIN
        while self._watcher.last_seq < head and self._clock.elapsed() < until:
            await pause(self._clock, TICK)

    async def _landing(self, client: Client, turn: Turn, sight: Sight) -> Landing:
        """Where the kill landed, told from what is durable: the worker is dead, and no other one lives yet."""
        left = await left_behind(client.store, turn.run_id)
        where: Where = "elsewhere"
        if sight.inside:
            names = counted_names(Counter(execution.name for execution in sight.inside))
            where, what = "tool", f"inside {names}: begun, not ended"
        elif sight.is_asking and left.words:
            where, what = "answer", f"in the middle of the answer, {_many(left.words, 'word')} in"
        elif sight.is_asking:
            pieces = _many(left.pieces, "piece")
            what = f"while the model wrote its calls, {pieces} in" if left.pieces else "in a model call"
        else:
            what = "between two steps"
        number = len(self._killer.landings) + 1
        return Landing(number=number, pid=self._worker.pid, where=where, what=what, seq=left.head)

    async def _start_worker(self, client: Client, turn: Turn) -> None:
        head = (await left_behind(client.store, turn.run_id)).head
        await self._worker.start()
        self._watcher.begin(self._worker.pid, head)
        self._show.started(self._worker.pid, again=self._worker.lives > 1)

    async def _let_the_reader_finish(self, turn: Turn) -> None:
        while await self._reader.ended() != 0:
            await self._start_reader(turn.thread_id)

    async def _start_reader(self, thread_id: str) -> None:
        await self._reader.start(thread_id, str(self._reader.lives + 1))
        self._reader_until = self._clock.elapsed() + self._random.uniform(*READER_LIVES_FOR)


def _many(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
