"""Reopening: what was committed is there, and goes on where it was."""

from __future__ import annotations

from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.stores.port import AddMessage
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import PARTS


class ReopeningPromises(Promises):
    """A store that is closed and opened again."""

    async def test_everything_is_there_after_the_store_was_opened_again(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        lease = await harness.running()
        await harness.thread()
        await harness.do(harness.turn("turn", "m"), AddMessage(harness.message("n", place=1, parts=PARTS)))
        await harness.do(harness.step(), harness.append("run", 1, 2), harness.ask(), lease=lease)
        await harness.do(harness.emit(), harness.thread_event(body={"a": 1}))
        before = await self._all(harness)
        await harness.reopen()
        assert await self._all(harness) == before
        await harness.reopen()
        assert await self._all(harness) == before

    async def test_a_run_goes_on_where_it_was(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        lease = await harness.running("run", "ana")
        await harness.do(harness.step(), harness.append("run", 1), lease=lease)
        await harness.suspended("waiting", "ana", due_in=60)
        await harness.reopen()
        again = await harness.lease("run", "ana")
        assert again.token > lease.token
        await harness.refused(LeaseLost, harness.step(position="1"), lease=lease)
        await harness.do(harness.step(position="1"), harness.append("run", 2), lease=again)
        harness.advance(60)
        await harness.worker("bob")
        [loaded] = await harness.do(harness.claim("bob"))
        assert loaded.run.run_id == "waiting"
        await harness.do(harness.finish("waiting"), lease=Lease("waiting", "bob", loaded.run.token))

    async def test_what_was_on_its_way_when_the_store_was_closed_is_there(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        await harness.run()
        commits = [harness.store.commit(harness.emit(key=str(number))) for number in range(20)]
        await harness.reopen()
        assert len(await harness.store.events.list("run")) == len([await commit for commit in commits])

    @staticmethod
    async def _all(harness: StoreHarness) -> tuple[object, ...]:
        threads, messages = harness.store.threads, harness.store.messages
        return (
            *(await harness.everything()),
            await threads.list(),
            await threads.turns("thread"),
            await threads.events("thread"),
            await messages.list("thread"),
            await harness.store.runs.load("run"),
        )
