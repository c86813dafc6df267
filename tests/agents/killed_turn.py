"""The program of a worker that dies in a turn: in its tool, or in the middle of an answer. Run as `-m`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from perdure import Agent, App
from perdure.testing.scripted import ScriptedModel, call, calls, say


def pay(amount: int = 1) -> str:
    """Dies in the process that is told to, and answers in any other."""
    if os.environ.get("DIE_IN") == "tool":
        os.kill(os.getpid(), signal.SIGKILL)
    return f"paid {amount}"


async def die(step: int, delta: int) -> None:
    """Die before the second word of an answer."""
    if os.environ.get("DIE_IN") == "answer" and (step, delta) == (1, 1):
        os.kill(os.getpid(), signal.SIGKILL)


def app_of(url: str) -> App:
    """The same app in both processes."""
    script = [calls(say("Paying. "), call("pay"), call("no.such.tool!")), say("It is paid now."), say("Yes.")]
    agent = Agent("assistant", model=ScriptedModel(script, gate=die), tools=[pay])
    return App(url, agents=[agent], grace=0.0)


async def main(url: str) -> None:
    async with app_of(url) as app:
        thread = await app.threads.create("assistant", thread_id="thread")
        await (await thread.send("Pay")).result()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
