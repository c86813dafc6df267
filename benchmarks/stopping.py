"""Stopping a turn: from the call to the stopped status, in process, across processes, and with its owner frozen."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncGenerator

from benchmarks.waiting import percentile_ms
from perdure import Agent, App
from perdure.app.client import Client
from perdure.models.protocol import ModelDelta, ModelEvent, ModelRequest

STOPS = 100
FROZEN = 3


class Endless:
    """A model that never stops by itself."""

    name = "bench:endless"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        while True:
            yield ModelDelta(index=0, kind="text", text="on ")
            await asyncio.sleep(0.01)


def app_of(url: str) -> App:
    return App(url, agents=[Agent("endless", model=Endless())])


async def measure(url: str) -> dict[str, float | int | str]:
    """Shape: milliseconds; seconds for the frozen owner, which the stop has to outwait."""
    async with app_of(url) as app:
        here = [await _stop(app) for _ in range(STOPS)]
    worker = await _worker(url)
    async with app_of(url).client() as client:
        across = [await _stop(client) for _ in range(STOPS)]
        frozen = [await _stop(client, worker if number == 0 else None) for number in range(1)]
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    return {
        "stop_here_p99_ms": percentile_ms(here, 99),
        "stop_across_p99_ms": percentile_ms(across, 99),
        "stop_frozen_s": round(max(frozen), 2),
    }


async def _stop(client: Client, freeze: asyncio.subprocess.Process | None = None) -> float:
    thread = await client.threads.create("endless")
    turn = await thread.send("Go on")
    async for chunk in turn.stream():
        if chunk.kind == "text":
            break
    if freeze is not None:
        freeze.send_signal(signal.SIGSTOP)
    begun = time.perf_counter()
    await turn.stop()
    taken = time.perf_counter() - begun
    assert (await thread.record()).status == "stopped"
    return taken


async def _worker(url: str) -> asyncio.subprocess.Process:
    program = (
        "import asyncio, sys\n"
        "from benchmarks.stopping import app_of\n"
        "async def main():\n"
        "    async with app_of(sys.argv[1]):\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    await child.stdout.readline()
    return child
