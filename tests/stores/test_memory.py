from pathlib import Path
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from perdure.stores import open_store
from perdure.stores.memory.operations import APPLIERS
from perdure.stores.memory.tables import Table, Undo
from perdure.stores.port import CreateThread, Operation
from perdure.testing.store_suite import StoreHarness, StoreSuite

CHANGES = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers()))


class TestMemory(StoreSuite):
    def url(self, folder: Path) -> str:
        return "memory:"

    async def test_each_store_is_one_of_its_own(self, harness: StoreHarness) -> None:
        await harness.run()
        another = await open_store("memory:")
        assert await another.runs.list() == []
        await another.close()

    async def test_what_a_commit_gave_back_may_change_afterwards(self, harness: StoreHarness) -> None:
        created = await harness.do(CreateThread(thread=harness.converse().thread))
        created.metadata["a"] = 1
        assert (await harness.do(harness.converse())).metadata == {}


def test_every_operation_of_the_port_is_applied() -> None:
    assert set(APPLIERS) == set(get_args(Operation))


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
