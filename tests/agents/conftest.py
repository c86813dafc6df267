"""An app on a store of its own, with one agent on a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from perdure import Agent, App, Thread
from perdure.agents.history import valid
from perdure.core.chunks import Chunk
from perdure.core.fold import Fold
from perdure.core.messages import Message, TextPart
from perdure.core.states import ENDED
from perdure.core.values import Value
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelRequest
from perdure.testing.scripted import Entry, ScriptedModel
from tests.models.conversation import AT, reply_of
from tests.models.loopback import Loopback, say


class Stage:
    """What a test of a thread needs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stack = AsyncExitStack()
        self.app: App | None = None

    async def open(self, agent: Agent, **options: Value) -> Thread:
        """An app that works, and a thread of the agent."""
        self.app = await self.stack.enter_async_context(App(self.url, agents=[agent], grace=0.0, **options))
        return await self.app.threads.create(agent, thread_id="thread")

    async def talk(self, model: ScriptedModel, text: str = "Hello?", **agent: Value) -> Message:
        """One turn, to its end."""
        thread = await self.open(Agent("assistant", model=model, **agent))
        return await (await thread.send(text)).result()

    async def ask_strictly(self, server: Loopback) -> None:
        """Send what the next send of each thread would: the strictest provider answers it, or this raises."""
        if self.app is None:
            return
        for thread in await self.app.threads.list():
            handle = self.app.thread(thread.thread_id)
            turn = await handle.turn()
            if turn is None or (await turn.record()).status not in ENDED:
                continue
            part = TextPart(text="And now?")
            sent = Message(
                message_id="next", thread_id=handle.id, turn=turn.number + 1, role="user", parts=(part,), created_at=AT
            )
            tools = tuple(tool.spec for tool in self.app.agents[thread.agent].tools.values())
            server.play(say("Yes."))
            model = OpenAICompatible("any", base_url=server.base_url)
            messages = valid([*await handle.messages(), sent])
            await reply_of(model, ModelRequest(messages=messages, tools=tools, instructions="Be brief."))
            await model.aclose()

    def scripted(self, *script: Entry, **options: Value) -> ScriptedModel:
        return ScriptedModel(script, **options)


async def folded(chunks: AsyncIterator[Chunk]) -> Fold:
    """A stream, read to its end."""
    fold = Fold()
    async for chunk in chunks:
        fold.add(chunk)
    return fold


@pytest.fixture(scope="session")
def strict() -> Iterator[Loopback]:
    """A server that refuses what the strictest provider refuses."""
    with Loopback() as server:
        yield server


@pytest.fixture(params=["memory:", "sqlite"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path, strict: Loopback) -> AsyncIterator[Stage]:
    """After each test, whatever it did to its thread, the strictest provider takes the next send."""
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path}/perdure.db"
    made = Stage(url)
    async with made.stack:
        yield made
        await made.ask_strictly(strict)


@pytest.fixture
async def memory_stage(strict: Loopback) -> AsyncIterator[Stage]:
    """As `stage`, in memory alone: for what does not depend on the store."""
    made = Stage("memory:")
    async with made.stack:
        yield made
        await made.ask_strictly(strict)


@pytest.fixture
def fold() -> Callable[[AsyncIterator[Chunk]], Awaitable[Fold]]:
    return folded
