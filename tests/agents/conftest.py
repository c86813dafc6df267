"""An app on a store of its own, with one agent on a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from perdure import Agent, App, Thread
from perdure.core.chunks import Chunk, Fold
from perdure.core.messages import Message
from perdure.core.values import Value
from perdure.testing.scripted import Entry, ScriptedModel


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

    def scripted(self, *script: Entry, **options: Value) -> ScriptedModel:
        return ScriptedModel(script, **options)


async def folded(chunks: AsyncIterator[Chunk]) -> Fold:
    """A stream, read to its end."""
    fold = Fold()
    async for chunk in chunks:
        fold.add(chunk)
    return fold


@pytest.fixture(params=["memory:", "sqlite"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path}/perdure.db"
    made = Stage(url)
    async with made.stack:
        yield made


@pytest.fixture
def fold() -> Callable[[AsyncIterator[Chunk]], Awaitable[Fold]]:
    return folded
