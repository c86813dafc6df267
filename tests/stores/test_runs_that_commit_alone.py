"""A run that has the store for itself commits by a short way: what the long way keeps, that one keeps too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from perdure.core.chunks import Chunk, chunk_entry, reset_entry
from perdure.core.operations import AppendEntries, HolderOperation, PutStep
from perdure.core.records import Lease, Suspicion
from perdure.errors import LeaseLost, SeqConflict, StepFinal, StoreTooNew, StoreUnavailable
from perdure.stores import open_store
from perdure.stores.sqlite import group, identity, schema, single_statement, writer, writer_thread
from perdure.stores.sqlite.driver import open_connection
from perdure.stores.sqlite.transaction import WriteTransaction
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.stores.dying_workers import let_die


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(writer_thread, "POLL_AFTER", 60.0)  # nobody but the committing run looks
    monkeypatch.setattr(identity, "LOOK_EVERY", 60.0)  # a look at the file is due when the store is opened, then not
    monkeypatch.setattr(identity, "MARK_EVERY", 60.0)
    monkeypatch.setattr(writer, "SLOW_AFTER", 1e9)  # whatever the disk is doing, commits stay on the loop
    return f"sqlite:///{tmp_path}/perdure.db"


@pytest.fixture
async def harness(url: str) -> AsyncIterator[StoreHarness]:
    clock = ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock, let_die)
    yield harness
    await harness.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry for each commit that tried the short way: whether it landed by it."""
    tried = list[bool]()

    def commit(tx: WriteTransaction, lease: Lease, operation: HolderOperation) -> bool:
        tried.append(single_statement.commit_by_statement(tx, lease, operation))
        return tried[-1]

    monkeypatch.setattr(group, "commit_by_statement", commit)
    return tried


async def alone(harness: StoreHarness, count: int = 2) -> Lease:
    """A run whose last commits went the short way."""
    lease = await harness.running()
    for number in range(count):
        await harness.commit(lease, harness.step(str(number)))
    return lease


def delta(seq: int, from_seq: int | None = None) -> AppendEntries:
    return AppendEntries((chunk_entry(Chunk(kind="text", text="a"), "0", from_seq or seq, seq),))


async def positions(harness: StoreHarness) -> list[str]:
    return [step.position for step in await harness.store.steps.list("run", tenant=None)]


async def test_the_second_commit_in_a_row_goes_the_short_way(harness: StoreHarness, short: list[bool]) -> None:
    lease = await alone(harness, 4)
    await harness.commit(lease, delta(1))
    await harness.commit(lease, delta(2))
    assert short == [True] * 5


async def test_it_is_fenced(harness: StoreHarness, short: list[bool]) -> None:
    lease = await alone(harness)
    for token in (lease.token - 1, lease.token + 1):
        stale = Lease(None, "run", token)
        await harness.commit(lease, harness.step("2"))  # so that it is alone again
        await harness.commit_refused(LeaseLost, stale, harness.step("9"))
        await harness.commit_refused(LeaseLost, stale, delta(1))
    await harness.do(harness.retire("ana"))  # the token stands, but nobody has the run
    await harness.commit_refused(LeaseLost, lease, harness.step("9"))
    assert short.count(False) >= 1


async def test_the_lease_of_another_tenant_is_none(harness: StoreHarness) -> None:
    lease = await alone(harness)
    await harness.commit_refused(LeaseLost, Lease("other", "run", lease.token), harness.step("2"))


async def test_an_outcome_is_final(harness: StoreHarness) -> None:
    lease = await alone(harness)
    await harness.commit_refused(StepFinal, lease, harness.step("1", "failed"))
    before = await harness.everything()
    await harness.commit(lease, harness.step("1"))  # the same one again
    assert await harness.everything() == before


async def test_a_number_is_of_one_position(harness: StoreHarness) -> None:
    lease = await alone(harness)
    other = msgspec.structs.replace(harness.step("1").step, position="elsewhere", attempts=9)
    await harness.commit_refused(StepFinal, lease, PutStep(other))


async def test_a_step_only_moves_forward(harness: StoreHarness) -> None:
    lease, landed = await alone(harness), list[HolderOperation]()
    for status, attempts in (("running", 1), ("in_doubt", 1), ("running", 2), ("completed", 2)):
        landed.append(harness.step("2", status, attempts=attempts))
        await harness.commit(lease, landed[-1])
        after = await harness.everything()
        for late in landed:
            await harness.commit(lease, late)
            assert await harness.everything() == after


async def test_an_entry_follows_the_last_one(harness: StoreHarness) -> None:
    lease = await alone(harness)
    await harness.commit(lease, delta(1))
    await harness.commit(lease, delta(2))
    before = await harness.everything()
    await harness.commit(lease, delta(2))
    assert await harness.everything() == before
    await harness.commit_refused(SeqConflict, lease, delta(4))
    await harness.commit_refused(SeqConflict, lease, delta(3, 4))
    await harness.commit(lease, AppendEntries((reset_entry("0", 3),)))
    assert (await harness.store.streams.read("run", tenant=None)).head == 3


async def test_what_was_appended_is_told_of(harness: StoreHarness) -> None:
    lease, heard = await alone(harness), list[None]()
    stop = harness.store.listen("stream:run", lambda: heard.append(None))
    for seq in range(1, 4):
        await harness.commit(lease, delta(seq))
    assert len(heard) == 3
    stop()


@pytest.mark.parametrize("what", ["step", "delta"])
async def test_progress_takes_suspicion_back(harness: StoreHarness, what: str) -> None:
    await harness.run("run")
    await harness.lease("run", await harness.mortal("mortal"))
    await harness.die("mortal")
    assert (await harness.get()).suspicion == Suspicion(deaths=1)
    await harness.worker("ana")
    lease = await harness.lease("run", "ana")
    await harness.commit(lease, harness.step("0", "running"))
    assert (await harness.get()).suspicion == Suspicion(deaths=1)
    await harness.commit(lease, harness.step("1") if what == "step" else delta(1))
    assert (await harness.get()).suspicion is None


async def test_the_loop_gets_its_turns(harness: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 0.0)
    lease, turns = await alone(harness), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    for number in range(2, 300):
        await harness.commit(lease, harness.step(str(number)))
    task.cancel()
    assert turns >= 298
    assert len(await positions(harness)) == 300


async def test_it_hears_of_what_others_commit(harness: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 0.0)
    heard, other = asyncio.Event(), await harness.open_again()
    stop = harness.store.listen("run:run", heard.set)
    lease = await alone(harness, 20)
    heard.clear()
    await other.execute(harness.emit())
    await harness.commit(lease, harness.step("20"))  # it gives the loop a turn, and sees that it is behind
    await harness.commit(lease, harness.step("21"))
    assert heard.is_set()
    stop()
    await other.close()


@pytest.mark.parametrize("slow_after", [-1.0, 0.0])
async def test_on_a_slow_disk_its_commits_go_to_the_thread(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch, slow_after: float
) -> None:
    monkeypatch.setattr(writer, "SLOW_AFTER", slow_after)
    monkeypatch.setattr(group, "SLOW_AFTER", slow_after)
    await alone(harness, 100)
    assert len(await positions(harness)) == 100


async def test_once_the_schema_has_moved_on_it_writes_nothing_more(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await alone(harness, 5)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, "ALTER TABLE steps ADD COLUMN later"))
    path = harness.url.removeprefix("sqlite:///")
    other = open_connection(path)
    schema.migrate(other, path, schema.VERSION + 1)
    other.close()
    for operation in (harness.step("5"), delta(1)):
        with pytest.raises(StoreTooNew):
            await harness.store.commit(lease, operation)
    connection = open_connection(path)
    assert connection.execute("SELECT (SELECT count(*) FROM steps), (SELECT count(*) FROM chunks)").fetchall() == [
        (5, 0)
    ]
    connection.close()


class FailingDisk:
    """Makes the writer's statements that begin in one way fail, so often; `lands` says that they take effect."""

    def __init__(self, harness: StoreHarness, *, lands: bool) -> None:
        store: Any = harness.store
        self._tx: Any = store._writer._group._tx
        self._run: Any = self._tx.run
        self._lands = lands
        self.left: dict[str, int] = {}
        self._tx.run = self.run

    def run(self, sql: str, values: tuple[object, ...] = ()) -> Any:
        for start, left in self.left.items():
            if sql.startswith(start) and left:
                self.left[start] -= 1
                if self._lands:
                    self._run(sql, values)
                raise apsw.IOError("disk I/O error")
        return self._run(sql, values)


@pytest.mark.parametrize("lands", [False, True])
async def test_a_commit_that_failed_on_the_disk_once_lands_once(harness: StoreHarness, *, lands: bool) -> None:
    lease, disk = await alone(harness), FailingDisk(harness, lands=lands)
    disk.left = {"INSERT INTO steps": 1}
    await harness.commit(lease, harness.step("2"))
    disk.left = {"COMMIT": 1}
    await harness.store.commit(lease, harness.step("3"), harness.step("4"))
    assert await positions(harness) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("statement", ["INSERT INTO steps", "COMMIT"])
async def test_what_is_said_to_be_unknown_may_have_landed(
    harness: StoreHarness, statement: str, *, lands: bool
) -> None:
    lease, disk = await alone(harness), FailingDisk(harness, lands=lands)
    disk.left = {statement: 1, "BEGIN": 2} if statement == "INSERT INTO steps" else {statement: 2}
    operations = [harness.step("2")] if statement == "INSERT INTO steps" else [harness.step("2"), harness.step("3")]
    with pytest.raises(StoreUnavailable) as failed:
        await harness.store.commit(lease, *operations)
    assert failed.value.unknown
    disk.left = {}
    await harness.store.commit(lease, *operations)  # landed again
    assert await positions(harness) == ["0", "1", *(operation.step.position for operation in operations)]


async def test_what_never_came_to_a_commit_is_known_not_to_have_landed(harness: StoreHarness) -> None:
    lease, disk = await alone(harness), FailingDisk(harness, lands=False)
    disk.left = {"BEGIN": 2}
    with pytest.raises(StoreUnavailable) as failed:
        await harness.store.commit(lease, harness.step("2"), harness.step("3"))
    assert not failed.value.unknown
    assert await positions(harness) == ["0", "1"]
