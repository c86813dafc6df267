"""Commits: whole or not at all, in order, each operation on what those before it wrote."""

from __future__ import annotations

import asyncio

from perdure.core.chunks import Entry
from perdure.errors import MessageNotFound, QuestionNotFound, RunNotFound, SeqConflict, ThreadNotFound
from perdure.stores.port import AddMessage, CompactEntries, DeleteThread, Operation, SetMessage, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class CommitPromises(Promises):
    """Store.commit."""

    async def test_a_commit_lands_whole_or_not_at_all(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.suspended("other")
        await harness.thread()
        await harness.do(harness.turn("turn", "m"), harness.append("run", 1), lease=lease)
        operations: tuple[Operation, ...] = (
            harness.step(),
            harness.append("run", 2),
            CompactEntries("run", Entry(1, 2, b"{}")),
            harness.ask(),
            harness.emit("other"),
            harness.create("new"),
            harness.cancel("other"),
            harness.register("bob"),
            harness.take("turn"),
            harness.converse("new"),
            UpdateThread(thread_id="thread", at=harness.at, title="t"),
            harness.thread_event(),
            AddMessage(harness.message("n", place=3)),
            SetMessage(message_id="m", status="failed"),
            harness.finish(),
        )
        refusals: tuple[tuple[type, Operation], ...] = (
            (RunNotFound, harness.emit("nobody")),
            (SeqConflict, harness.append("run", 9)),
            (QuestionNotFound, harness.answer("what")),
            (ThreadNotFound, DeleteThread(thread_id="nowhere")),
            (MessageNotFound, SetMessage(message_id="x")),
        )
        before = await self._all(harness)
        for error, refused in refusals:
            for place in (0, 5, len(operations) - 1):
                await harness.refused(error, *operations[:place], refused, *operations[place:], lease=lease)
                assert await self._all(harness) == before
        await harness.do(*operations, lease=lease)
        assert await self._all(harness) != before

    async def test_an_operation_sees_what_those_before_it_wrote(self, harness: StoreHarness) -> None:
        made = await harness.store.commit(
            harness.register("ana"), harness.create(), harness.emit(), harness.take("run", "ana")
        )
        assert made[1].run.inbox == 0
        assert made[3].run.inbox == 1
        assert made[3].run.worker_id == "ana"

    async def test_a_commit_gives_back_one_result_for_each_operation(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        landed = await harness.store.commit(
            harness.step(), harness.emit(), harness.create("two"), harness.append("run", 1), lease=lease
        )
        assert len(landed) == 4
        assert (landed[0], landed[1].accepted, landed[2].run.run_id, landed[3]) == (None, True, "two", 1)

    async def test_commits_land_in_the_order_in_which_they_were_made(self, harness: StoreHarness) -> None:
        await harness.run()
        keys = [f"{number}" for number in range(300)]
        await asyncio.gather(*(harness.store.commit(harness.emit(key=key)) for key in keys))
        assert [event.key for event in await harness.store.events.list("run")] == keys

    @staticmethod
    async def _all(harness: StoreHarness) -> tuple[object, ...]:
        store = harness.store
        return (
            *(await harness.everything("run")),
            *(await harness.everything("other")),
            await store.runs.get("turn"),
            await store.threads.list(),
            await store.threads.events("thread"),
            await store.messages.list("thread"),
        )
