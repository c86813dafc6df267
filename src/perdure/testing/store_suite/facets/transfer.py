"""Transfer: everything out of one store and into another, where it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from perdure.core.decisions.changes import Change, InsertRun
from perdure.core.threads import TurnRef
from perdure.errors import StoreNotEmpty
from perdure.stores.port import Store
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.random_history import RandomHistory
from perdure.testing.store_suite.snapshot import take_snapshot
from perdure.testing.store_suite.thread_operations import text

ACTS = 250
MANY = 600


async def exported(store: Store) -> list[Change]:
    """All that a store gives, in its order."""
    return [change async for batch in store.transfer.export() for change in batch]


class TransferPromises(Promises):
    """What one store gives, another takes."""

    async def _filled(self, harness: StoreHarness) -> None:
        """A bit of everything, and two tenants."""
        lease = await harness.replying()
        message = harness.put_parts("reply-run", 0, *text("a", "b"), version=harness.next_number())
        await harness.commit(lease, harness.step(), harness.ask("why", run_id="run"), harness.usage(), message)
        await harness.do(harness.emit("run", "event:a"))
        await harness.do(harness.emit("run", "channel:c", many=True))
        await harness.do(harness.emit("run", "channel:c", many=True))
        await harness.run("child", like=harness.create("child", parent_id="run", key="k"))
        await harness.commit(lease, harness.finish())
        await harness.do(harness.create_thread("fork", root=TurnRef("thread", 1)))
        await harness.do(harness.delete_thread("thread"))
        await harness.run("gone")
        await harness.do(harness.cancel("gone"))
        await harness.do(harness.delete("gone"))

    async def test_what_is_loaded_into_an_empty_store_is_what_was_exported(
        self, harness: StoreHarness, tmp_path: Path
    ) -> None:
        await self._filled(harness)
        history = RandomHistory(harness, 1)
        for _ in range(ACTS):
            await history.act()
        before = await exported(harness.store)
        other = await self._other(harness, tmp_path)
        try:
            await other.transfer.load(before)
            assert await exported(other) == before
            assert await exported(harness.store) == before
        finally:
            await other.close()

    async def test_the_loaded_store_answers_as_the_other_one(self, harness: StoreHarness, tmp_path: Path) -> None:
        await self._filled(harness)
        await harness.do(harness.retire("ana"))  # a worker is not exported
        other = await self._other(harness, tmp_path)
        try:
            await other.transfer.load(await exported(harness.store))
            assert await take_snapshot(other, harness.at) == await harness.everything()
            await other.execute(harness.register("bob"))
            assert [one.run.run_id for one in await other.execute(harness.claim("bob"))] == ["child"]
        finally:
            await other.close()

    @pytest.mark.parametrize("held", ["a run", "a thread", "a worker", "the mark of a run that was deleted"])
    async def test_only_an_empty_store_is_loaded_into(self, harness: StoreHarness, tmp_path: Path, held: str) -> None:
        await harness.run("of-another-store")
        rows = await exported(harness.store)
        other = await self._other(harness, tmp_path)
        try:
            match held:
                case "a run":
                    await other.execute(harness.create("run"))
                case "a thread":
                    await other.execute(harness.create_thread("thread"))
                case "a worker":
                    await other.execute(harness.register("bob"))
                case _:
                    await other.execute(harness.create("run"))
                    await other.execute(harness.cancel("run"))
                    await other.execute(harness.delete("run"))
            before = await exported(other)
            with pytest.raises(StoreNotEmpty):
                await other.transfer.load(rows)
            assert await exported(other) == before
        finally:
            await other.close()

    async def test_an_export_is_of_one_instant(self, harness: StoreHarness) -> None:
        for number in range(MANY):
            await harness.run(f"run-{number:04}")
        batches = harness.store.transfer.export()
        found = [*await anext(batches)]
        await harness.run("run-9999")
        await harness.do(harness.cancel("run-0599"))
        found += [change async for batch in batches for change in batch]
        runs = [change.run for change in found if isinstance(change, InsertRun)]
        assert [run.run_id for run in runs] == [f"run-{number:04}" for number in range(MANY)]
        assert {run.status for run in runs} == {"queued"}

    async def test_nothing_is_loaded_where_one_row_cannot_be(self, harness: StoreHarness, tmp_path: Path) -> None:
        await self._filled(harness)
        every = await exported(harness.store)
        other = await self._other(harness, tmp_path)
        try:
            with pytest.raises(KeyError):  # of what is no change
                await other.transfer.load([*every, cast("Change", ())])
            assert await exported(other) == []
        finally:
            await other.close()

    async def _other(self, harness: StoreHarness, folder: Path) -> Store:
        """An empty store of the same kind."""
        place = folder / "other"
        place.mkdir()
        return await self.open(self.url(place), clock=harness.clock)
