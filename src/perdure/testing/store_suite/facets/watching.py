"""Watching: a hint that may come for nothing, and is never missing."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core import topics
from perdure.errors import StepFinal, StoreClosed
from perdure.stores.port import Watch
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import SOON, StoreHarness, others_go_on

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

    async def test_news_between_the_look_and_the_wait_is_not_missed(self, harness: StoreHarness) -> None:
        await harness.run()
        watch = harness.store.watch("run:run")
        for number in range(5):
            assert len(await harness.store.events.list("run", tenant=None)) == number  # the look
            await harness.do(harness.emit(key=f"event:{number}"))
            await told(watch)

    async def test_news_during_the_wait_is_not_missed(self, harness: StoreHarness) -> None:
        await harness.run()
        watch = harness.store.watch("run:run")
        for number in range(5):
            waiting = asyncio.create_task(told(watch))
            await others_go_on()  # so that it waits
            await harness.do(harness.emit(key=f"event:{number}"))
            await waiting

    async def test_what_there_is_news_of_can_be_read(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        watch = harness.store.watch("stream:run")

        async def follow(until: int) -> int:
            head = 0
            while head < until:
                await told(watch)
                head = (await harness.store.streams.read("run", tenant=None, after=head)).head
            return head

        following = asyncio.create_task(follow(50))
        for seq in range(1, 51):
            await harness.commit(lease, harness.append(seq))
        assert await following == 50

    async def test_one_watch_hears_of_all_its_topics(self, harness: StoreHarness) -> None:
        await harness.run("one")
        await harness.run("two")
        watch = harness.store.watch("run:one", "run:two", "questions")
        for run_id in ("one", "two"):
            await harness.do(harness.emit(run_id))
            await told(watch)

    async def test_every_watch_of_a_topic_is_told(self, harness: StoreHarness) -> None:
        await harness.run()
        watches = [harness.store.watch("run:run") for _ in range(100)]
        await harness.do(harness.emit())
        await asyncio.gather(*map(told, watches))

    async def test_a_store_that_pushes_tells_nobody_else(self, harness: StoreHarness) -> None:
        harness.needs("push")
        await harness.run("one")
        await harness.run("two")
        others = [
            harness.store.watch(topic)
            for topic in ("run:two", "stream:one", "queue:default", "questions", "thread:one")
        ]
        await harness.do(harness.emit("one"))
        await asyncio.gather(*map(not_told, others))

    async def test_topics_of_a_tenant_are_not_those_of_another(self, harness: StoreHarness) -> None:
        harness.needs("push")
        await harness.run("run")
        harness.tenant = "t"
        await harness.run("run")
        without, of_tenant = harness.store.watch(topics.run(None, "run")), harness.store.watch(topics.run("t", "run"))
        await harness.do(harness.emit())
        await told(of_tenant)
        await not_told(without)

    async def test_a_store_that_pushes_tells_once(self, harness: StoreHarness) -> None:
        harness.needs("push")
        await harness.run()
        watch = harness.store.watch("run:run")
        await harness.do(harness.emit(key="event:one"))
        await harness.do(harness.emit(key="event:two"))
        await told(watch)
        await not_told(watch)

    async def test_a_store_that_pushes_tells_nobody_of_what_was_refused(self, harness: StoreHarness) -> None:
        harness.needs("push")
        lease = await harness.running()
        await harness.commit(lease, harness.step())
        watch = harness.store.watch("run:run", "stream:run")
        await harness.commit_refused(StepFinal, lease, harness.emit(), harness.append(1), harness.step(result=b"2"))
        await not_told(watch)

    async def test_a_watch_that_is_told_returns_as_from_news(self, harness: StoreHarness) -> None:
        watch = harness.store.watch("run:run")
        watch.tell()
        await told(watch)

    async def test_a_listener_is_called_at_news_until_it_stops(self, harness: StoreHarness) -> None:
        await harness.run()
        watch, heard = harness.store.watch("run:run"), asyncio.Event()
        stop = harness.store.listen("run:run", heard.set)
        await harness.do(harness.emit(key="event:one"))
        async with asyncio.timeout(SOON):
            await heard.wait()
        stop()
        stop()
        await told(watch)
        heard.clear()
        await harness.do(harness.emit(key="event:two"))
        await told(watch)
        assert not heard.is_set()

    async def test_closed_watch_gets_no_news(self, harness: StoreHarness) -> None:
        await harness.run()
        watch, other = harness.store.watch("run:run"), harness.store.watch("run:run")
        watch.close()
        watch.close()
        await harness.do(harness.emit())
        await told(other)

    async def test_a_waiter_that_was_cancelled_may_wait_again(self, harness: StoreHarness) -> None:
        await harness.run()
        watch = harness.store.watch("run:run")
        waiting = asyncio.create_task(watch.wait())
        await others_go_on()  # so that it waits
        waiting.cancel()
        await asyncio.wait([waiting])
        await harness.do(harness.emit())
        await told(watch)

    async def test_whoever_waits_is_told_that_the_store_closes(self, harness: StoreHarness) -> None:
        await harness.run()
        watch = harness.store.watch("run:run")
        await harness.store.close()
        await told(watch)
        with pytest.raises(StoreClosed):
            await harness.store.runs.get("run", tenant=None)
        watch.close()

    async def test_each_refusal_of_a_closed_store_is_an_error_of_its_own(self, harness: StoreHarness) -> None:
        """One that is raised again and again would grow by each traceback."""
        await harness.store.close()
        refusals: list[StoreClosed] = []
        for _ in range(3):
            with pytest.raises(StoreClosed) as refused:
                await harness.store.execute(harness.create())
            refusals.append(refused.value)
        assert len({id(refusal) for refusal in refusals}) == 3
