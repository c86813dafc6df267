"""Callers: a commit is on its way once it is made, whoever gives up waiting; and a store is open until it is closed."""

from __future__ import annotations

import asyncio

import pytest

from perdure.errors import StoreClosed
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import SOON, StoreHarness, others_go_on
from perdure.testing.store_suite.run_operations import GO, keys_of


class CallerPromises(Promises):
    """Store.commit and Store.execute, for whoever awaits them, and Store.close."""

    async def test_a_commit_is_on_its_way_when_it_is_made(self, harness: StoreHarness) -> None:
        await harness.run()
        one, two = keys_of(("first", "second"))
        first = harness.store.execute(harness.emit(key=one))
        await harness.do(harness.emit(key=two))
        assert [event.key for event in await harness.store.events.list("run", tenant=None)] == [one, two]
        assert (await first).accepted

    async def test_to_cancel_a_caller_takes_no_commit_back(self, harness: StoreHarness) -> None:
        await harness.run()

        async def call() -> None:
            await harness.store.execute(harness.emit())

        task = asyncio.create_task(call())
        await others_go_on()  # so that the call has been made
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await harness.store.events.get("run", GO, tenant=None) is not None

    async def test_a_cancellation_comes_when_the_commit_has_landed(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        seen: list[int] = []

        async def call(seq: int) -> None:
            try:
                await harness.store.commit(lease, harness.append(seq))
                await asyncio.Event().wait()  # a commit may land before anybody can cancel its caller
            except asyncio.CancelledError:
                seen.append((await harness.store.streams.read("run", tenant=None)).head)
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
        for key in keys_of(map(str, range(5))):
            try:
                async with asyncio.timeout(0):
                    await harness.store.execute(harness.emit(key=key))
            except TimeoutError:
                pass
        assert len(await harness.store.events.list("run", tenant=None)) == 5

    async def test_what_is_on_its_way_lands_before_the_store_is_closed(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        commits = [harness.store.execute(harness.emit(key=key)) for key in keys_of(map(str, range(20)))]
        last = harness.store.commit(lease, harness.step())
        await harness.store.close()
        assert all(one.accepted for one in await asyncio.gather(*commits))
        assert await last == (None,)

    async def test_a_closed_store_refuses_everything(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        renewal = harness.renew("ana")
        await harness.store.close()
        with pytest.raises(StoreClosed):
            await harness.store.execute(harness.emit())
        with pytest.raises(StoreClosed):
            await harness.store.commit(lease, harness.step())
        with pytest.raises(StoreClosed):
            await harness.store.runs.get("run", tenant=None)
        with pytest.raises(StoreClosed):
            await harness.store.streams.read("run", tenant=None)
        if harness.abilities.renews_off_the_loop:
            with pytest.raises(StoreClosed):
                await asyncio.to_thread(harness.store.renew, renewal)

    async def test_to_close_twice_is_safe(self, harness: StoreHarness) -> None:
        await harness.store.close()
        await harness.store.close()

    async def test_commits_let_others_in_between(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        others = 0

        async def other() -> None:
            nonlocal others
            while True:
                others += 1
                await others_go_on()

        task = asyncio.create_task(other())
        async with asyncio.timeout(SOON):
            for number in range(20):
                await harness.do(harness.emit(key=f"event:{number}"))
            between = others
            for number in range(5000):  # a store may give a run that is alone several commits in one turn
                await harness.commit(lease, harness.step(str(number)))
                if others >= between + 20:
                    break
        task.cancel()
        assert between >= 20
        assert others >= between + 20
