"""News: which operation is news of which topic."""

from __future__ import annotations

import pytest

from perdure.core.chunks import Entry
from perdure.core.records import Lease
from perdure.stores.port import AddMessage, CompactEntries, DeleteThread, Operation, PutParts, SetMessage, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.watching import told
from perdure.testing.store_suite.harness import LEASE_FOR, StoreHarness
from perdure.testing.store_suite.thread_operations import text


class NewsPromises(Promises):
    """The topics of Store.watch."""

    async def _tells(
        self, harness: StoreHarness, topics: str, *operations: Operation, lease: Lease | None = None
    ) -> None:
        """Commit, and see each of the topics told."""
        watches = {topic: harness.store.watch(topic) for topic in topics.split()}
        await harness.do(*operations, lease=lease)
        for topic, watch in watches.items():
            try:
                await told(watch)
            except TimeoutError:
                pytest.fail(f"{type(operations[0]).__name__} was no news of {topic}")
            watch.close()

    async def test_a_run_that_is_made_and_ends_is_news(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await self._tells(harness, "run:run queue:default", harness.create())
        await self._tells(harness, "run:run", harness.take("run"))
        lease = await harness.lease()
        await self._tells(harness, "stream:run", harness.append("run", 1), lease=lease)
        await self._tells(harness, "stream:run", CompactEntries("run", Entry(1, 1, b"{}")), lease=lease)
        await self._tells(harness, "questions", harness.ask(), lease=lease)
        await self._tells(harness, "questions run:run", harness.answer())
        await self._tells(
            harness, "run:run end:run stream:run queue:default", harness.finish(status="failed"), lease=lease
        )
        await self._tells(harness, "run:run queue:default", harness.restart())
        await self._tells(harness, "run:run", harness.claim())
        lease = await harness.lease()
        await self._tells(harness, "run:run queue:default", harness.release(), lease=lease)
        await self._tells(harness, "run:run end:run stream:run", harness.cancel())
        await self._tells(harness, "run:run end:run stream:run", harness.delete())

    async def test_a_run_that_waits_and_wakes_is_news(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await self._tells(harness, "run:run queue:default", harness.suspend(due_in=60), lease=lease)
        await self._tells(harness, "run:run queue:default", harness.emit(key="one"))
        lease = await harness.lease()
        await self._tells(harness, "run:run", harness.emit(key="two"))
        await self._tells(harness, "run:run queue:default", harness.suspend(inbox=2), lease=lease)

    async def test_what_others_do_to_a_run_is_news(self, harness: StoreHarness) -> None:
        await harness.suspended("parent")
        await harness.running("child", like=harness.create("child", parent_id="parent"))
        await self._tells(harness, "run:child", harness.cancel("child", within=5))
        harness.advance(5)
        await self._tells(harness, "run:child end:child stream:child run:parent queue:default", harness.seal("child"))
        await harness.running("run")
        await self._tells(harness, "workers", harness.register("bob"))
        harness.advance(LEASE_FOR)
        await self._tells(harness, "workers run:run queue:default", harness.take_over("ana"))
        await harness.worker("eve")
        await harness.lease("run", "eve")
        await self._tells(harness, "workers run:run queue:default", harness.retire("eve"))

    async def test_what_happens_to_a_thread_is_news(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await self._tells(harness, "thread:thread", harness.converse())
        await self._tells(harness, "thread:thread", UpdateThread(thread_id="thread", at=harness.at, title="t"))
        await self._tells(harness, "thread:thread run:run queue:default", harness.turn("run", "m"))
        await self._tells(harness, "thread:thread run:run", harness.take("run"))
        await self._tells(harness, "thread:thread", AddMessage(harness.message("n", place=1)))
        await self._tells(harness, "thread:thread", PutParts(message_id="n", first=0, parts=text("a")))
        await self._tells(harness, "thread:thread", SetMessage(message_id="n", status="stopped"))
        await self._tells(harness, "thread:thread", harness.thread_event())
        await self._tells(harness, "thread:thread run:run end:run stream:run", DeleteThread(thread_id="thread"))
