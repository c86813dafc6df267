"""Commits: whole or not at all, in order, each operation on what those before it wrote."""

from __future__ import annotations

import asyncio

from perdure.core.operations import HolderOperation
from perdure.core.records import Lease
from perdure.errors import (
    InboxMoved,
    MessageNotFound,
    PerdureError,
    RunInputMismatch,
    RunNotFound,
    SeqConflict,
    StepFinal,
)
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import keys_of
from perdure.testing.store_suite.thread_operations import text


class CommitPromises(Promises):
    """Store.commit."""

    async def test_a_commit_lands_whole_or_not_at_all(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.suspended("other")
        await harness.run("there")
        await harness.commit(lease, harness.step("final"))
        operations: tuple[HolderOperation, ...] = (
            harness.step(),
            harness.append(1, 2),
            harness.replace(3),
            harness.ask(),
            harness.emit("other"),
            harness.create("new"),
            harness.add_message("n", place=3, run_id="run"),
            harness.put_parts("reply-run", 0, *text("a")),
            harness.set_message("reply-run", status="failed"),
            harness.usage(),
            harness.note_cleanups(),
        )
        refusals: tuple[tuple[type[PerdureError], HolderOperation], ...] = (
            (RunNotFound, harness.emit("nobody")),
            (SeqConflict, harness.append(9)),
            (MessageNotFound, harness.set_message("x")),
            (StepFinal, harness.step("final", result=b"2")),
            (RunInputMismatch, harness.create("there", manifest_hash="another")),
        )
        for error, refused in refusals:
            for place in (0, 5, len(operations)):
                await harness.commit_refused(
                    error, lease, *operations[:place], refused, *operations[place:], harness.finish()
                )
        await harness.commit_refused(InboxMoved, lease, *operations, harness.finish(inbox=7))
        before = await harness.everything()
        await harness.store.commit(lease, *operations, harness.finish())
        assert await harness.everything() != before
        assert await harness.status("other") == "queued"

    async def test_an_operation_sees_what_those_before_it_wrote(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        landed = await harness.store.commit(
            lease,
            harness.create("child", parent_id="run"),
            harness.emit("child"),
            harness.emit("child"),
            harness.append(1),
            harness.append(2),
            harness.emit(),
            harness.suspend(inbox=1),
        )
        assert (landed[1].accepted, landed[2].accepted) == (True, False)
        assert (await harness.get("child")).inbox == 1
        assert (await harness.store.streams.read("run", tenant=None)).head == 2
        assert await harness.status() == "suspended"

    async def test_a_commit_gives_back_one_result_for_each_operation(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        landed = await harness.store.commit(
            lease, harness.step(), harness.emit(), harness.create("two"), harness.append(1)
        )
        assert len(landed) == 4
        assert (landed[0], landed[1].accepted, landed[2].run_id, landed[3]) == (None, True, "two", None)

    async def test_commits_land_in_the_order_in_which_they_were_made(self, harness: StoreHarness) -> None:
        await harness.run()
        expected = list(keys_of(map(str, range(300))))
        await asyncio.gather(*(harness.store.execute(harness.emit(key=key)) for key in expected))
        assert [event.key for event in await harness.store.events.list("run", tenant=None)] == expected

    async def test_commits_and_outside_operations_land_in_the_order_in_which_they_were_made(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.running()
        expected = list(keys_of(map(str, range(100))))
        await asyncio.gather(
            *(
                harness.store.commit(lease, harness.emit(key=key))
                if number % 2
                else harness.store.execute(harness.emit(key=key))
                for number, key in enumerate(expected)
            )
        )
        assert [event.key for event in await harness.store.events.list("run", tenant=None)] == expected

    async def test_a_commit_of_one_run_writes_to_no_other(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        before = await harness.get("two")
        await harness.store.commit(one, harness.step(), harness.append(1), harness.finish())
        assert await harness.get("two") == before
        await harness.commit(Lease(None, "two", two.token), harness.step())
