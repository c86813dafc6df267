"""The race timelines of the reference (its appendix C), on real processes, and how they come out here."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from perdure.core.values import decode
from perdure.stores import open_store
from tests.chaos.player import Ledger, start
from tests.chaos.processes import child, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
LEASE = "2"


async def test_timelines_1_to_3_a_loser_that_wakes_commits_nothing_fails_nothing_and_renews_nothing(
    tmp_path: Path,
) -> None:
    """A stalls past its lease; B takes over and ends the run; A wakes with a value of its own."""
    url, ledger, flag = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger"), tmp_path / "flag"
    store = await open_store(url)
    run = await start(store, "stalls", "run", str(flag))
    async with child("work", url, ledger.path, LEASE) as a:
        worker_a = await a.line()

        async def a_waits() -> bool:
            return [entry.what for entry in ledger.entries()] == ["before", "waits"]

        await eventually(a_waits, "A is inside its step")
        await a.stop(url)
        async with child("work", url, ledger.path, LEASE) as b:

            async def b_waits() -> bool:
                return [entry.what for entry in ledger.entries()] == ["before", "waits", "waits"]

            await eventually(b_waits, "B has taken over, and is inside the step")
            flag.touch()
            async with asyncio.timeout(30):
                result = await run.result()
            record, steps = await run.record(), await run.steps()
            ledger_then = ledger.entries()
            a.resume()

            # A finds out that its lease has ended, cuts its work off, and takes a new id
            async def a_has_a_new_id() -> bool:
                ids = {worker.worker_id for worker in await store.workers.list()}
                return worker_a not in ids and len(ids) == 2

            await eventually(a_has_a_new_id, "A works under a new id")
            assert await a.end() == 0
            assert await run.record() == record
            assert await run.steps() == steps
            await b.end()
    assert result == ["before", f"by token {record.token}", "after 0", "after 1", "after 2"]
    assert (record.status, record.worker_id) == ("completed", None)
    by_a = [entry.what for entry in ledger.entries() if entry.pid == a.process.pid]
    assert [what for what in by_a if what.startswith("after")] == [], "A started an effect after its lease"
    assert [entry for entry in ledger.entries() if entry.what != "sees"] == [
        entry for entry in ledger_then if entry.what != "sees"
    ]
    assert await store.workers.list() == []
    await store.close()


async def test_a_run_durable_that_wakes_after_its_lease_says_so_and_changes_nothing(tmp_path: Path) -> None:
    url, ledger, flag = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger"), tmp_path / "flag"
    store = await open_store(url)
    async with (
        child("drive", url, ledger.path, "stalls", str(flag), LEASE, "ana") as a,
        child("drive", url, ledger.path, "stalls", str(flag), LEASE, "bob") as early,
    ):
        said = await early.line()
        if said.startswith("LeaseHeld"):
            assert "ana" in said
            loser, name = a, "cid"
        else:
            pytest.fail(f"the second driver said {said!r}")

        async def waits() -> bool:
            return [entry.what for entry in ledger.entries()] == ["before", "waits"]

        await eventually(waits, "A is inside its step")
        await loser.stop(url)
        await asyncio.sleep(2.5)
        async with child("drive", url, ledger.path, "stalls", str(flag), LEASE, name) as winner:

            async def both_wait() -> bool:
                return [entry.what for entry in ledger.entries()] == ["before", "waits", "waits"]

            await eventually(both_wait, "the second one has taken over")
            flag.touch()
            said = await winner.line()
            assert said.startswith('done ["before","by token ')
            record = await store.runs.get("run", tenant=None)
            loser.resume()
            said = await loser.line()
            assert said.startswith(("LeaseLost", "done")), said
        assert await store.runs.get("run", tenant=None) == record
    assert record is not None
    assert decode(record.result or b"")[1] == f"by token {record.token}"
    assert [entry.what for entry in ledger.entries()].count("after 0") == 1
    await store.close()


async def test_timeline_4_of_many_processes_that_start_one_run_at_once_one_has_it(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    async with AsyncExitStack() as stack:
        racers = [
            await stack.enter_async_context(child("race", url, ledger.path, f"worker {number}")) for number in range(5)
        ]
        for racer in racers:
            racer.go()
        said = await asyncio.gather(*[racer.line() for racer in racers])
    won = [line for line in said if line.startswith("won")]
    held = [line for line in said if line.startswith("held by worker ")]
    assert (len(won), len(held)) == (1, 4), said
    assert len(set(held)) == 1
    assert len(ledger.entries()) == 1


async def test_timeline_5_of_many_processes_that_emit_at_once_one_is_accepted_and_everybody_sees_that_one(
    tmp_path: Path,
) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    store = await open_store(url)
    run = await start(store, "waits", "run")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(child("work", url, ledger.path))
        emitters = [
            await stack.enter_async_context(child("emit", url, ledger.path, "run", f"payload {number}"))
            for number in range(5)
        ]
        for emitter in emitters:
            emitter.go()
        said = await asyncio.gather(*[emitter.line() for emitter in emitters])
        async with asyncio.timeout(30):
            result = await run.result()
    accepted = [line for line in said if line.startswith("True")]
    assert accepted == [f"True {result}"], said
    assert [decode(event.payload) for event in await store.events.list("run", tenant=None)] == [result]
    await store.close()


async def test_timeline_10_steps_side_by_side_never_fail_each_others_commits(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    store = await open_store(url)
    runs = [await start(store, "journey", f"run {number}", 3) for number in range(10)]
    for run in runs:
        await run.emit_event("go", 1)
    async with child("work", url, ledger.path), child("work", url, ledger.path):
        async with asyncio.timeout(60):
            results = await asyncio.gather(*[run.result() for run in runs])
    assert len({tuple(result) for result in results}) == 1
    for run in runs:
        assert {step.status for step in await run.steps()} == {"completed"}
    await store.close()
