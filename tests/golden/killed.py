"""The program of a process that is killed in the middle of its steps and of an answer. Run as `-m`, with a URL."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from perdure.core.operations import CancelRun
from tests.golden.keeping import until
from tests.golden.unfinished import Unfinished

RUNS = ("left", "deaf")
THREAD = "thread"


async def main(url: str) -> None:
    programs = Unfinished(url, is_first=True)
    async with programs.app as app:
        store = app.store
        for name in RUNS:
            await app.start(name, run_id=name)
        await app.start("left", run_id="queued", queue="of nobody")
        thread = await app.threads.create("quick", thread_id=THREAD)
        turn = await thread.send("Count")

        async def is_under_way() -> bool:
            steps = [step for name in RUNS for step in await store.steps.list(name, tenant=None)]
            shown = await store.streams.read(turn.run_id, tenant=None, after=0)
            running = sum(step.status == "running" for step in steps)
            return running == 3 and len(shown.entries) == 6 and programs.is_held.is_set()

        await until(is_under_way)
        await store.execute(CancelRun(tenant=None, run_id="deaf", at=app.clock.now(), within=600.0, reason=""))
        print("\n".join(programs.executed), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
