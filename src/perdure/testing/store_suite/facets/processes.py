"""Processes: several on one store, some of them killed."""

from __future__ import annotations

import asyncio
import signal

from perdure.core.operations import TakeOver
from perdure.errors import LeaseHeld, SettingInvalid
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.children import Child, children
from perdure.testing.store_suite.harness import SOON, StoreHarness
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.worker_operations import STALL_LIMIT

NEWS_WITHIN = 1.0
"""Units: real seconds. The port says 50 ms; a machine that runs tests may be busy."""


async def _thirty(child: Child) -> list[str]:
    return [await child.line() for _ in range(30)]


class ProcessPromises(Promises):
    """What holds across processes, and through SIGKILL."""

    async def test_every_acknowledged_commit_survives_a_kill(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        head = 0
        for number in range(3):
            await harness.store.close()  # not every store can be open twice
            later = str(harness.clock.lease_at + number * STALL_LIMIT)
            async with children(harness, "append", ("run", f"worker-{number}", later)) as [child]:
                child.go()
                acknowledged = [await child.line() for _ in range(30)]
                await child.kill()
                acknowledged += await child.rest()
            await harness.reopen()
            page = await harness.store.streams.read("run", tenant=None, limit=10_000)
            assert int(acknowledged[0]) == head + 1
            assert page.head in {int(acknowledged[-1]), int(acknowledged[-1]) + 1}  # one may have been on its way
            assert [entry.seq for entry in page.entries] == list(range(1, page.head + 1))
            head = page.head

    async def test_of_many_processes_that_emit_one_key_one_is_accepted(self, harness: StoreHarness) -> None:
        harness.needs("many_processes")
        await harness.run()
        async with children(harness, "emit", *(("run", f"worker-{number}") for number in range(8))) as emitters:
            for child in emitters:
                child.go()
            said = [await child.line() for child in emitters]
        [accepted] = [line.split()[1] for line in said if line.startswith("True")]
        assert {line.split()[1] for line in said} == {accepted}
        event = await harness.store.events.get("run", GO, tenant=None)
        assert event is not None
        assert event.payload.decode() == accepted

    async def test_of_many_processes_that_start_a_run_one_holds_it(self, harness: StoreHarness) -> None:
        harness.needs("many_processes")
        contenders = [("run", f"worker-{number}") for number in range(20)]
        async with children(harness, "start", *contenders) as starters:
            for child in starters:
                child.go()
            said = [await child.line() for child in starters]
            assert sorted(said) == ["held"] * 19 + ["started"]
            holder = contenders[said.index("started")][1]
            assert (await harness.get()).worker_id == holder

    async def test_processes_that_write_at_once_refuse_each_other_nothing(self, harness: StoreHarness) -> None:
        harness.needs("many_processes")
        runs = [(f"run-{number}", f"worker-{number}") for number in range(3)]
        async with children(harness, "append", *runs) as writers:
            for child in writers:
                child.go()
            said = await asyncio.gather(*map(_thirty, writers))
        assert said == [[str(seq) for seq in range(1, 31)]] * 3

    async def test_news_comes_to_another_process(self, harness: StoreHarness) -> None:
        harness.needs("many_processes")
        await harness.run()
        async with children(harness, "watch", ("run", "worker")) as [child]:
            child.go()
            assert await child.line() == "watching"
            for number in range(1, 6):
                await harness.do(harness.emit(key=f"event:{number}"))
                while await child.line(within=NEWS_WITHIN) != str(number):
                    pass

    async def test_news_comes_from_another_process(self, harness: StoreHarness) -> None:
        harness.needs("many_processes")
        await harness.run()
        watch = harness.store.watch("run:run")
        async with children(harness, "emit", ("run", "worker")) as [child]:
            child.go()
            async with asyncio.timeout(SOON):
                while await harness.store.events.get("run", GO, tenant=None) is None:
                    async with asyncio.timeout(NEWS_WITHIN + SOON / 2):
                        await watch.wait()
            assert await child.line() == "True worker"

    async def test_the_death_of_a_killed_process_is_proven_at_once(self, harness: StoreHarness) -> None:
        harness.needs("proves_death")
        async with children(harness, "live", ("run", "ana")) as [child]:
            child.go()
            assert await child.line() == "running"
            assert await harness.store.workers.dead() == []
            await child.kill()
            [dead] = await harness.store.workers.dead()
            assert (dead.worker.worker_id, dead.proven) == ("ana", True)
            take_over = TakeOver(worker_id="ana", incarnation=dead.worker.incarnation, at=harness.at)
            assert await harness.do(take_over) == ((None, "run"),)
        run = await harness.get()
        assert run.status == "queued"
        assert run.suspicion is not None
        assert run.suspicion.deaths == 1

    async def test_a_run_whose_holder_is_proven_dead_can_be_taken(self, harness: StoreHarness) -> None:
        harness.needs("proves_death")
        await harness.worker("bob")
        async with children(harness, "live", ("run", "ana")) as [child]:
            child.go()
            assert await child.line() == "running"
            await harness.refused(LeaseHeld, harness.take("run", "bob"))
            await child.kill()
            await harness.lease("run", "bob")
        assert (await harness.get()).worker_id == "bob"

    async def test_a_process_that_lives_is_dead_after_its_stall_limit_and_that_is_no_death(
        self, harness: StoreHarness
    ) -> None:
        harness.needs("proves_death")
        async with children(harness, "live", ("run", "ana")) as [child]:
            child.go()
            assert await child.line() == "running"
            child.process.send_signal(signal.SIGSTOP)  # it lives, though it does nothing
            harness.advance(STALL_LIMIT - 1)
            assert await harness.store.workers.dead() == []
            harness.advance(1)
            [dead] = await harness.store.workers.dead()
            assert (dead.worker.worker_id, dead.proven) == ("ana", False)
            take_over = TakeOver(worker_id="ana", incarnation=dead.worker.incarnation, at=harness.at)
            assert await harness.do(take_over) == ((None, "run"),)
        assert (await harness.get()).suspicion is None

    async def test_a_worker_id_of_a_process_that_lives_is_taken(self, harness: StoreHarness) -> None:
        harness.needs("proves_death")
        async with children(harness, "live", ("run", "ana")) as [child]:
            child.go()
            assert await child.line() == "running"
            await harness.refused(SettingInvalid, harness.register("ana"))
            await child.kill()
            await harness.worker("ana")
        run = await harness.get()
        assert (run.status, run.worker_id) == ("queued", None)

    async def test_a_store_that_was_opened_before_a_fork_is_refused_after_it(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        await harness.store.close()  # not every store can be open twice
        async with children(harness, "fork", ("run", "ana")) as [child]:
            child.go()
            assert [await child.line() for _ in range(2)] == ["StoreForked", "StoreForked"]
            assert await child.line() == "appended"
        await harness.reopen()
        assert (await harness.store.streams.read("run", tenant=None)).head == 1
