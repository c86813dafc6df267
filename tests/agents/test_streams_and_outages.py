"""Whoever follows a stream or waits for an end is told of nothing when the store can't be read for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from perdure import Agent, App
from perdure.errors import RunNotFound, StoreUnavailable
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.scripted import ScriptedModel, say
from perdure.testing.wrapped import WrappedStore

SAID = "one two three four five six"


class Away(WrappedStore):
    """A store whose next reads of some names fail."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.left: dict[str, int] = {}

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        if self.left.get(name, 0):
            self.left[name] -= 1
            raise StoreUnavailable(f"{name} failed")
        return await read()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("fails", ["streams.read", "messages.of_run", "runs.get"])
async def test_followers_and_waiters_go_on_after_reads_that_failed(tmp_path: Path, kind: str, fails: str) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/perdure.db"
    store, gate, waits = Away(await open_store(url)), asyncio.Event(), asyncio.Event()

    async def pause(step: int, delta: int) -> None:
        if delta == 2:
            waits.set()
            await gate.wait()

    class Here(App):
        async def open_store(self) -> Store:
            return store

    agent = Agent("speaker", model=ScriptedModel([say(SAID, chunk=4)], gate=pause))
    async with Here(url, agents=[agent]) as app, asyncio.timeout(20):
        turn = await (await app.threads.create(agent)).send("Speak")

        async def follow() -> str:
            return "".join([chunk.text async for chunk in turn.stream() if chunk.kind == "text"])

        readers = [asyncio.create_task(follow()) for _ in range(20)]
        waiter = asyncio.create_task(app.run(turn.run_id).wait())
        await waits.wait()
        await asyncio.sleep(0)
        store.left[fails] = 3
        gate.set()
        assert await asyncio.gather(*readers) == [SAID] * 20
        assert (await waiter).status == "completed"
        assert fails == "messages.of_run" or store.left[fails] == 0


async def test_who_begins_to_read_while_the_store_is_away_is_told(tmp_path: Path) -> None:
    store = Away(await open_store("memory:"))

    class Here(App):
        async def open_store(self) -> Store:
            return store

    agent = Agent("speaker", model=ScriptedModel([say(SAID)]))
    async with Here("memory:", agents=[agent]) as app:
        turn = await (await app.threads.create(agent)).send("Speak")
        await turn.result()
        store.left = {"streams.read": 1, "runs.status": 1}
        with pytest.raises(StoreUnavailable):
            await anext(aiter(turn.stream()))
        with pytest.raises(StoreUnavailable):
            await app.run(turn.run_id).wait()


class Deleting(WrappedStore):
    """A store whose messages were deleted after their run's stream was read."""

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        return None if name == "messages.of_run" else await read()


async def test_a_stream_whose_message_is_deleted_while_it_is_read_is_not_found() -> None:
    store = Deleting(await open_store("memory:"))

    class Here(App):
        async def open_store(self) -> Store:
            return store

    agent = Agent("speaker", model=ScriptedModel([say(SAID)]))
    async with Here("memory:", agents=[agent]) as app:
        turn = await (await app.threads.create(agent)).send("Speak")
        await app.run(turn.run_id).wait()
        with pytest.raises(RunNotFound):
            await anext(aiter(turn.stream()))
