from pathlib import Path
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from perdure.core.decisions.changes import Change
from perdure.core.decisions.reads import GetLeaseTime, Read, WriteDraft
from perdure.stores.memory import MemoryStore
from perdure.stores.memory.reads import READS
from perdure.stores.memory.tables import Table, Undo
from perdure.stores.memory.writes import WRITES
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite import StoreHarness, StoreSuite

CHANGES = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers()))


class TestMemory(StoreSuite):
    def url(self, folder: Path) -> str:
        return "memory:"

    async def test_each_store_is_one_of_its_own(self, harness: StoreHarness) -> None:
        await harness.run()
        another = await harness.open_again()
        assert await another.runs.list(tenant=None) == []
        await another.close()

    async def test_what_a_commit_gave_back_may_change_afterwards(self, harness: StoreHarness) -> None:
        created = await harness.do(harness.create_thread())
        created.metadata["a"] = 1
        assert (await harness.do(harness.create_thread())).metadata == {}


class Rebooting(MemoryStore):
    """A store whose machine boots again when the test says so: lease time begins anew."""

    boot = "boot-1"

    def _lease_time(self) -> tuple[float, str]:
        return self._clock.lease_now(), self.boot


async def test_a_reboot_ends_every_lease() -> None:
    clock = ManualClock()
    store = Rebooting(clock=clock)

    async def open_(url: str, *, clock: ManualClock) -> MemoryStore:
        return store

    harness = StoreHarness(store, "memory:", "", open_, clock)
    lease = await harness.running("run", "ana")
    await harness.worker("bob")
    store.boot, clock.lease_at = "boot-2", 3.0
    assert [dead.worker.worker_id for dead in await store.workers.dead()] == ["ana", "bob"]
    await harness.worker("eve")
    assert (await harness.lease("run", "eve")).token > lease.token
    assert await harness.do(harness.take_over("ana")) == ()


def test_every_read_and_every_change_of_a_decision_is_answered_and_written() -> None:
    assert set(READS) == set(get_args(Read)) - {GetLeaseTime, WriteDraft}
    assert set(WRITES) == set(get_args(Change))


def change(table: Table[int, int], changes: list[tuple[int, int | None]]) -> None:
    for key, row in changes:
        if row is not None:
            table[key] = row
        elif key in table:
            del table[key]


@given(CHANGES, CHANGES)
def test_what_is_taken_back_leaves_what_was_settled(
    settled: list[tuple[int, int | None]], refused: list[tuple[int, int | None]]
) -> None:
    undo = Undo()
    table = Table[int, int](undo)
    change(table, settled)
    undo.forget()
    before = dict(table)
    change(table, refused)
    undo.take_back()
    assert dict(table) == before
