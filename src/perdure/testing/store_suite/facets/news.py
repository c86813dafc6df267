"""News: which operation is news of which topic."""

from __future__ import annotations

import pytest

from perdure.core.chunks import Entry
from perdure.core.records import Lease
from perdure.stores.port import AddMessage, CompactEntries, DeleteThread, Operation, PutParts, SetMessage, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.conversing import text
from perdure.testing.store_suite.facets.watching import told
from perdure.testing.store_suite.world import LEASE_FOR, World


class NewsPromises(Promises):
    """The topics of Store.watch."""

    async def _tells(self, world: World, topics: str, *operations: Operation, lease: Lease | None = None) -> None:
        """Commit, and see each of the topics told."""
        watches = {topic: world.store.watch(topic) for topic in topics.split()}
        await world.do(*operations, lease=lease)
        for topic, watch in watches.items():
            try:
                await told(watch)
            except TimeoutError:
                pytest.fail(f"{type(operations[0]).__name__} was no news of {topic}")
            watch.close()

    async def test_a_run_that_is_made_and_ends_is_news(self, world: World) -> None:
        await world.worker("ana")
        await self._tells(world, "run:run queue:default", world.create())
        await self._tells(world, "run:run", world.take("run"))
        lease = await world.lease()
        await self._tells(world, "stream:run", world.append("run", 1), lease=lease)
        await self._tells(world, "stream:run", CompactEntries("run", Entry(1, 1, b"{}")), lease=lease)
        await self._tells(world, "questions", world.ask(), lease=lease)
        await self._tells(world, "questions run:run", world.answer())
        await self._tells(world, "run:run end:run stream:run queue:default", world.finish(status="failed"), lease=lease)
        await self._tells(world, "run:run queue:default", world.restart())
        await self._tells(world, "run:run", world.claim())
        lease = await world.lease()
        await self._tells(world, "run:run queue:default", world.release(), lease=lease)
        await self._tells(world, "run:run end:run stream:run", world.cancel())
        await self._tells(world, "run:run end:run stream:run", world.delete())

    async def test_a_run_that_waits_and_wakes_is_news(self, world: World) -> None:
        lease = await world.running()
        await self._tells(world, "run:run queue:default", world.suspend(due_in=60), lease=lease)
        await self._tells(world, "run:run queue:default", world.emit(key="one"))
        lease = await world.lease()
        await self._tells(world, "run:run", world.emit(key="two"))
        await self._tells(world, "run:run queue:default", world.suspend(inbox=2), lease=lease)

    async def test_what_others_do_to_a_run_is_news(self, world: World) -> None:
        await world.suspended("parent")
        await world.running("child", like=world.create("child", parent_id="parent"))
        await self._tells(world, "run:child", world.cancel("child", within=5))
        world.advance(5)
        await self._tells(world, "run:child end:child stream:child run:parent queue:default", world.seal("child"))
        await world.running("run")
        await self._tells(world, "workers", world.register("bob"))
        world.advance(LEASE_FOR)
        await self._tells(world, "workers run:run queue:default", world.take_over("ana"))
        await world.worker("eve")
        await world.lease("run", "eve")
        await self._tells(world, "workers run:run queue:default", world.retire("eve"))

    async def test_what_happens_to_a_thread_is_news(self, world: World) -> None:
        await world.worker("ana")
        await self._tells(world, "thread:thread", world.converse())
        await self._tells(world, "thread:thread", UpdateThread(thread_id="thread", at=world.at, title="t"))
        await self._tells(world, "thread:thread run:run queue:default", world.turn("run", "m"))
        await self._tells(world, "thread:thread run:run", world.take("run"))
        await self._tells(world, "thread:thread", AddMessage(world.message("n", place=1)))
        await self._tells(world, "thread:thread", PutParts(message_id="n", first=0, parts=text("a")))
        await self._tells(world, "thread:thread", SetMessage(message_id="n", status="stopped"))
        await self._tells(world, "thread:thread", world.thread_event())
        await self._tells(world, "thread:thread run:run end:run stream:run", DeleteThread(thread_id="thread"))
