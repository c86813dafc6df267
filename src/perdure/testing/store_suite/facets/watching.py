"""Watching: a hint that may come for nothing, and is never missing."""

from __future__ import annotations

import asyncio

import pytest

from perdure.errors import RunNotFound, StoreClosed
from perdure.stores.port import (
    Watch,
)
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import SOON, World, others_go_on

QUIET = 0.02
"""Units: real seconds in which nothing should come."""


async def told(watch: Watch) -> None:
    """Wait for news that must come."""
    async with asyncio.timeout(SOON):
        await watch.wait()


async def not_told(watch: Watch) -> None:
    """See that no news comes."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(QUIET):
            await watch.wait()


class WatchPromises(Promises):
    """Store.watch."""

    async def test_news_between_the_look_and_the_wait_is_not_missed(self, world: World) -> None:
        await world.run()
        watch = world.store.watch("run:run")
        for number in range(5):
            assert len(await world.store.events.list("run")) == number  # the look
            await world.do(world.emit(key=str(number)))
            await told(watch)

    async def test_news_during_the_wait_is_not_missed(self, world: World) -> None:
        await world.run()
        watch = world.store.watch("run:run")
        for number in range(5):
            waiting = asyncio.create_task(told(watch))
            await others_go_on()  # so that it waits
            await world.do(world.emit(key=str(number)))
            await waiting

    async def test_what_is_told_can_be_read(self, world: World) -> None:
        lease = await world.running()
        watch = world.store.watch("stream:run")

        async def follow(until: int) -> int:
            head = 0
            while head < until:
                await told(watch)
                head = (await world.store.streams.read("run", after=head)).head
            return head

        following = asyncio.create_task(follow(50))
        for seq in range(1, 51):
            await world.do(world.append("run", seq), lease=lease)
        assert await following == 50

    async def test_one_watch_hears_of_all_its_topics(self, world: World) -> None:
        await world.run("one")
        await world.run("two")
        watch = world.store.watch("run:one", "run:two", "questions")
        for run_id in ("one", "two"):
            await world.do(world.emit(run_id))
            await told(watch)

    async def test_every_watch_of_a_topic_is_told(self, world: World) -> None:
        await world.run()
        watches = [world.store.watch("run:run") for _ in range(100)]
        await world.do(world.emit())
        await asyncio.gather(*map(told, watches))

    async def test_a_store_that_pushes_tells_nobody_else(self, world: World) -> None:
        world.needs("push")
        await world.run("one")
        await world.run("two")
        others = [
            world.store.watch(topic) for topic in ("run:two", "stream:one", "queue:default", "questions", "thread:one")
        ]
        await world.do(world.emit("one"))
        await asyncio.gather(*map(not_told, others))

    async def test_a_store_that_pushes_tells_once(self, world: World) -> None:
        world.needs("push")
        await world.run()
        watch = world.store.watch("run:run")
        await world.do(world.emit(key="one"))
        await world.do(world.emit(key="two"))
        await told(watch)
        await not_told(watch)

    async def test_a_store_that_pushes_tells_nobody_of_what_was_refused(self, world: World) -> None:
        world.needs("push")
        await world.run()
        watch = world.store.watch("run:run")
        await world.refused(RunNotFound, world.emit(), world.emit("nobody"))
        await not_told(watch)

    async def test_a_watch_that_is_told_returns_as_from_news(self, world: World) -> None:
        watch = world.store.watch("run:run")
        watch.tell()
        await told(watch)

    async def test_a_listener_is_called_at_news_until_it_stops(self, world: World) -> None:
        await world.run()
        watch, heard = world.store.watch("run:run"), asyncio.Event()
        stop = world.store.listen("run:run", heard.set)
        await world.do(world.emit(key="one"))
        async with asyncio.timeout(SOON):
            await heard.wait()
        stop()
        stop()
        await told(watch)
        heard.clear()
        await world.do(world.emit(key="two"))
        await told(watch)
        assert not heard.is_set()

    async def test_a_watch_that_was_closed_bothers_nobody(self, world: World) -> None:
        await world.run()
        watch, other = world.store.watch("run:run"), world.store.watch("run:run")
        watch.close()
        watch.close()
        await world.do(world.emit())
        await told(other)

    async def test_a_waiter_that_was_cancelled_may_wait_again(self, world: World) -> None:
        await world.run()
        watch = world.store.watch("run:run")
        waiting = asyncio.create_task(watch.wait())
        await others_go_on()  # so that it waits
        waiting.cancel()
        await asyncio.wait([waiting])
        await world.do(world.emit())
        await told(watch)

    async def test_whoever_waits_is_told_that_the_store_closes(self, world: World) -> None:
        await world.run()
        watch = world.store.watch("run:run")
        await world.store.close()
        await told(watch)
        with pytest.raises(StoreClosed):
            await world.store.runs.get("run")
        watch.close()

    async def test_each_refusal_of_a_closed_store_is_an_error_of_its_own(self, world: World) -> None:
        """One that is raised again and again would grow by each traceback."""
        await world.store.close()
        refusals: list[StoreClosed] = []
        for _ in range(3):
            with pytest.raises(StoreClosed) as refused:
                await world.store.commit(world.create())
            refusals.append(refused.value)
        assert len({id(refusal) for refusal in refusals}) == 3
