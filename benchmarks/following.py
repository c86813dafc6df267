"""Following across processes: from a chunk's commit to a reader in another process, over 2,000 chunks."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator

from benchmarks.waiting import percentile_ms
from perdure import Agent, App
from perdure.core.messages import TextPart, Usage
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest

CHUNKS = 2_000

READER = """
import asyncio, sys, time
from perdure import App
async def main():
    async with App(sys.argv[1]).client() as client:
        [turn] = await client.thread("thread").turns()
        async for chunk in turn.stream():
            if chunk.kind == "text":
                print(time.clock_gettime(time.CLOCK_MONOTONIC) - float(chunk.text))
asyncio.run(main())
"""


class Clockwork:
    """A model that says what time it is, every 2 ms."""

    name = "bench:clockwork"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        await asyncio.sleep(1.0)
        said = list[str]()
        for _ in range(CHUNKS):
            said.append(f"{time.clock_gettime(time.CLOCK_MONOTONIC):.6f} ")
            yield ModelDelta(index=0, kind="text", text=said[-1])
            await asyncio.sleep(0.002)
        parts = (TextPart(text="".join(said), step=request.step),)
        yield ModelReply(parts=parts, finish_reason="stop", usage=Usage(requests=1), model=self.name)


async def measure(url: str) -> dict[str, float | int | str]:
    """Shape: milliseconds from the model to the reader."""
    agent = Agent("clockwork", model=Clockwork())
    async with App(url, agents=[agent]) as app:
        thread = await app.threads.create(agent, thread_id="thread")
        turn = await thread.send("What time is it?")
        reader = await asyncio.create_subprocess_exec(sys.executable, "-c", READER, url, stdout=asyncio.subprocess.PIPE)
        await turn.result()
        out, _ = await reader.communicate()
    taken = [float(line) for line in out.split()]
    return {
        "follow_chunks": len(taken),
        "follow_p50_ms": percentile_ms(taken, 50),
        "follow_p99_ms": percentile_ms(taken, 99),
    }
