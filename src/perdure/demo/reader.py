"""The reader of a demo: follows the answer from another process, and loses its connection all the time.

It continues after the last cursor that stands in its own log, whether it dropped the connection itself or was killed.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing

from perdure.app.client import Client
from perdure.core.clock import SystemClock, pause
from perdure.core.ids import Random, derived_random
from perdure.demo.orphans import end_with_parent
from perdure.demo.received import Received, received_at
from perdure.demo.settings import Settings, shared_settings
from perdure.runs.workflow import Workflows

FEWEST, MOST = 3, 25
AWAY_FOR = 0.3


async def receive(settings: Settings, thread_id: str, random: Random) -> None:
    """Follow the thread's turn to its end, over as many connections as it takes."""
    while not await _receive_some(settings, thread_id, random.randint(FEWEST, MOST)):
        await pause(SystemClock(), random.uniform(0.0, AWAY_FOR))


async def _receive_some(settings: Settings, thread_id: str, patience: int) -> bool:
    """One connection: receive so many chunks, then drop it; true at the end of the stream."""
    clock, received = SystemClock(), received_at(settings.received)
    before = received.read()
    after = next((line.cursor for line in reversed(before) if line.cursor is not None), None)
    connection = before[-1].connection + 1 if before else 1
    received.append(Received(connection=connection, at=clock.now(), after=after))
    async with Client(settings.store, Workflows(), clock, create=False) as client:
        turn = await client.thread(thread_id).turn()
        if turn is None:
            return True
        async with aclosing(turn.stream(after=after)) as stream:
            async for chunk in stream:
                received.append(Received(connection=connection, at=clock.now(), cursor=chunk.cursor, chunk=chunk))
                patience -= 1
                if patience <= 0:
                    return False
    return True


def main(thread_id: str, life: str) -> None:
    """Read as the `life`-th process that reads for this demo."""
    settings = shared_settings()
    end_with_parent()
    asyncio.run(receive(settings, thread_id, derived_random(f"{settings.seed} reader {life}".encode())))


if __name__ == "__main__":
    main(*sys.argv[1:])
