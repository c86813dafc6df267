"""Commits: whole or not at all, in order, each operation on what those before it wrote."""

from __future__ import annotations

import asyncio

from perdure.core.chunks import Entry
from perdure.errors import MessageNotFound, QuestionNotFound, RunNotFound, SeqConflict, ThreadNotFound
from perdure.stores.port import AddMessage, CompactEntries, DeleteThread, Operation, SetMessage, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World


class CommitPromises(Promises):
    """Store.commit."""

    async def test_a_commit_lands_whole_or_not_at_all(self, world: World) -> None:
        lease = await world.running()
        await world.suspended("other")
        await world.thread()
        await world.do(world.turn("turn", "m"), world.append("run", 1), lease=lease)
        operations: tuple[Operation, ...] = (
            world.step(),
            world.append("run", 2),
            CompactEntries("run", Entry(1, 2, b"{}")),
            world.ask(),
            world.emit("other"),
            world.create("new"),
            world.cancel("other"),
            world.register("bob"),
            world.take("turn"),
            world.converse("new"),
            UpdateThread(thread_id="thread", at=world.at, title="t"),
            world.thread_event(),
            AddMessage(world.message("n", place=3)),
            SetMessage(message_id="m", status="failed"),
            world.finish(),
        )
        refusals: tuple[tuple[type, Operation], ...] = (
            (RunNotFound, world.emit("nobody")),
            (SeqConflict, world.append("run", 9)),
            (QuestionNotFound, world.answer("what")),
            (ThreadNotFound, DeleteThread(thread_id="nowhere")),
            (MessageNotFound, SetMessage(message_id="x")),
        )
        before = await self._all(world)
        for error, refused in refusals:
            for place in (0, 5, len(operations) - 1):
                await world.refused(error, *operations[:place], refused, *operations[place:], lease=lease)
                assert await self._all(world) == before
        await world.do(*operations, lease=lease)
        assert await self._all(world) != before

    async def test_an_operation_sees_what_those_before_it_wrote(self, world: World) -> None:
        made = await world.store.commit(world.register("ana"), world.create(), world.emit(), world.take("run", "ana"))
        assert made[1].run.inbox == 0
        assert made[3].run.inbox == 1
        assert made[3].run.worker_id == "ana"

    async def test_a_commit_gives_back_one_result_for_each_operation(self, world: World) -> None:
        lease = await world.running()
        landed = await world.store.commit(
            world.step(), world.emit(), world.create("two"), world.append("run", 1), lease=lease
        )
        assert len(landed) == 4
        assert (landed[0], landed[1].accepted, landed[2].run.run_id, landed[3]) == (None, True, "two", 1)

    async def test_commits_land_in_the_order_in_which_they_were_made(self, world: World) -> None:
        await world.run()
        keys = [f"{number}" for number in range(300)]
        await asyncio.gather(*(world.store.commit(world.emit(key=key)) for key in keys))
        assert [event.key for event in await world.store.events.list("run")] == keys

    @staticmethod
    async def _all(world: World) -> tuple[object, ...]:
        store = world.store
        return (
            *(await world.everything("run")),
            *(await world.everything("other")),
            await store.runs.get("turn"),
            await store.threads.list(),
            await store.threads.events("thread"),
            await store.messages.list("thread"),
        )
