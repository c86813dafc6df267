"""What the workers of the endurance tests can do: `perdure worker tests.endurance.house:app`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import perdure
from perdure.testing.scripted import ScriptedModel, call, say

LEDGER = "PERDURE_ENDURANCE_LEDGER"
"""The environment variable that names a file outside the store: each effect that happens is a line of it."""


async def think(step: int, delta: int) -> None:
    """Say a word each 50 ms."""
    await asyncio.sleep(0.05)


@perdure.tool(read_only=True)
async def look(page: int) -> str:
    """Look a page up."""
    await asyncio.sleep(0.2)
    return f"page {page}"


ANSWER = "All of the pages were read, and nothing on them is new."
SCRIPT = [*[call("look", page=page) for page in range(10)], say(ANSWER)]
agent = perdure.Agent("reader", model=ScriptedModel(SCRIPT, gate=think), tools=[look])
app = perdure.App(agents=[agent], grace=0.3)  # shorter than a run: what is cut off goes on elsewhere


def note(line: str) -> None:
    """An effect happens; a line is written by one system call, so none is torn."""
    handle = os.open(Path(os.environ[LEDGER]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def die() -> None:
    """End the process as the kernel does when memory is short: nothing is cleaned up."""
    note("death")
    os._exit(137)


@app.workflow
async def kills_at_its_first_line(ctx: perdure.Context) -> None:
    die()


@app.workflow
async def kills_after(ctx: perdure.Context, seconds: float) -> None:
    async def kill() -> None:
        await asyncio.sleep(seconds)
        die()

    await ctx.step("kill", kill)


@app.workflow
async def long_step(ctx: perdure.Context, seconds: float) -> None:
    await ctx.step("long", asyncio.sleep, seconds)


@app.workflow
async def short_steps(ctx: perdure.Context, steps: int) -> int:
    async def effect(number: int) -> int:
        note(f"{ctx.run_id} {number}")
        await asyncio.sleep(0.05)
        return number

    return sum([await ctx.step(f"step {number}", effect, number) for number in range(steps)])


@app.workflow
async def waits(ctx: perdure.Context) -> str:
    return await ctx.await_event("go", as_=str)
