"""Callers: a commit is on its way once it is made, whoever gives up waiting; and a store is open until it is closed."""

from __future__ import annotations

import asyncio

import pytest

from perdure.errors import StoreClosed
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import SOON, StoreHarness, others_go_on


class CallerPromises(Promises):
    """Store.commit, for whoever awaits it, and Store.close."""

    async def test_a_commit_is_on_its_way_when_it_is_made(self, harness: StoreHarness) -> None:
        await harness.run()
        first = harness.store.commit(harness.emit(key="first"))
        await harness.do(harness.emit(key="second"))
        assert [event.key for event in await harness.store.events.list("run")] == ["first", "second"]
        assert (await first)[0].accepted

    async def test_to_cancel_a_caller_takes_no_commit_back(self, harness: StoreHarness) -> None:
        await harness.run()

        async def call() -> None:
            await harness.store.commit(harness.emit())

        task = asyncio.create_task(call())
        await others_go_on()  # so that the call has been made
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await harness.store.events.get("run", "go") is not None

    async def test_a_cancellation_comes_when_the_commit_has_landed(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        seen: list[int] = []

        async def call(seq: int) -> None:
            try:
                await harness.store.commit(harness.append("run", seq), lease=lease)
                await asyncio.Event().wait()  # a commit may land before anybody can cancel its caller
            except asyncio.CancelledError:
                seen.append((await harness.store.streams.read("run")).head)
                raise

        for seq in range(1, 11):
            task = asyncio.create_task(call(seq))
            await others_go_on()  # so that the call has been made
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        assert seen == list(range(1, 11))

    async def test_a_caller_that_gives_up_takes_no_commit_back(self, harness: StoreHarness) -> None:
        await harness.run()
        for number in range(5):
            try:
                async with asyncio.timeout(0):
                    await harness.store.commit(harness.emit(key=str(number)))
            except TimeoutError:
                pass
        assert len(await harness.store.events.list("run")) == 5

    async def test_what_is_on_its_way_lands_before_the_store_is_closed(self, harness: StoreHarness) -> None:
        await harness.run()
        commits = [harness.store.commit(harness.emit(key=str(number))) for number in range(20)]
        await harness.store.close()
        landed = await asyncio.gather(*commits)
        assert all(one[0].accepted for one in landed)

    async def test_a_closed_store_refuses_everything(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await harness.run()
        await harness.store.close()
        with pytest.raises(StoreClosed):
            await harness.store.commit(harness.emit())
        with pytest.raises(StoreClosed):
            await harness.store.runs.get("run")
        with pytest.raises(StoreClosed):
            await harness.store.streams.read("run")
        with pytest.raises(StoreClosed):
            await asyncio.to_thread(harness.store.renew, harness.renew("ana"))

    async def test_to_close_twice_is_safe(self, harness: StoreHarness) -> None:
        await harness.store.close()
        await harness.store.close()

    async def test_commits_let_others_in_between(self, harness: StoreHarness) -> None:
        await harness.run()
        others = 0

        async def other() -> None:
            nonlocal others
            while True:
                others += 1
                await others_go_on()

        task = asyncio.create_task(other())
        async with asyncio.timeout(SOON):
            for number in range(20):
                await harness.do(harness.emit(key=str(number)))
        task.cancel()
        assert others >= 20
