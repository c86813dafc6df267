"""A program that is told to end while it works: `python -m tests.chaos.leaving HOW URL LEDGER`.

Shape: HOW is `handler` (its SIGTERM handler raises SystemExit), `busy` (the same, while a step keeps the loop busy) or
`ctrl-c` and `twice` (nothing but asyncio.run). It says `begun` when its step runs, and `told` when it is cancelled.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import perdure
from perdure import Agent, App
from perdure.testing.scripted import ScriptedModel, call, say


def begin(ledger: str) -> bool:
    """Whether this is the first time; says so."""
    first = not Path(ledger).exists()
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write("x")
    if first:
        print("begun", flush=True)
    return first


def made(how: str, url: str, ledger: str) -> App:
    async def lookup() -> str:
        """Look something up."""
        if begin(ledger):
            await asyncio.sleep(60)
        return "found"

    model = ScriptedModel([call("lookup"), say("Found it.")])
    agent = Agent("agent", model=model, tools=[perdure.tool(read_only=True)(lookup)])
    app = App(url, agents=[agent], grace=20.0 if how == "twice" else 0.2)

    @app.workflow
    async def works(ctx: perdure.Context) -> str:
        async def work() -> str:
            if begin(ledger):
                if how == "busy":
                    until = time.monotonic() + 60
                    while time.monotonic() < until:
                        time.sleep(0.01)  # noqa: ASYNC251 - it keeps the loop busy on purpose
                await asyncio.sleep(60)
            return "done"

        return await ctx.step("work", work)

    return app


async def main(how: str, url: str, ledger: str, what: str) -> None:
    app = made(how, url, ledger)
    async with app:
        try:
            print(await (answer(app) if what == "turn" else result(app)), flush=True)
        except asyncio.CancelledError:
            print("told", flush=True)
            raise


async def answer(app: App) -> str:
    thread = await app.threads.create("agent", thread_id="thread")
    turn = await thread.send("Where is it?", idempotency_key="question")
    return (await turn.result()).text


async def result(app: App) -> str:
    run = await app.start(app.workflows.get("works"), run_id="run")
    return await run.result()


def leave(number: int, frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    if sys.argv[1] in {"handler", "busy"}:
        signal.signal(signal.SIGTERM, leave)
    asyncio.run(main(*sys.argv[1:]))
