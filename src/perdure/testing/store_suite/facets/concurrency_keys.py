"""Concurrency keys: the runs of one key run one after the other, in the order of their tickets."""

from __future__ import annotations

import asyncio

from perdure.core.records import KeyHold, Lease
from perdure.errors import RunStateWrong
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO


async def make(harness: StoreHarness, *run_ids: str, hold: KeyHold = "until_end") -> None:
    """Runs of one key, in order, and a worker."""
    for run_id in run_ids:
        await harness.do(harness.create(run_id, key="k", hold=hold))
    await harness.worker("ana")


async def holders(harness: StoreHarness) -> list[str]:
    """The runs that have a concurrency key."""
    return sorted(run.run_id for run in await harness.store.runs.list(tenant=harness.tenant) if run.has_key)


class ConcurrencyKeyPromises(Promises):
    """`key` and `hold` of CreateRun."""

    async def test_runs_of_one_key_are_claimed_one_after_the_other_in_order(self, harness: StoreHarness) -> None:
        await make(harness, "c", "a", "b")
        for run_id in ("c", "a", "b"):
            assert await holders(harness) == [run_id]
            [claimed] = await harness.do(harness.claim())
            assert claimed.run.run_id == run_id
            assert await harness.claimed() == []
            await harness.commit(Lease(None, run_id, claimed.run.token), harness.finish())
        assert await holders(harness) == []

    async def test_a_run_that_waits_for_its_key_is_claimable_by_nothing_else(self, harness: StoreHarness) -> None:
        await make(harness, "a", "b")
        run = await harness.get("b")
        assert (run.status, run.has_key, run.ready_at, run.due_at) == ("queued", False, None, None)
        assert run.ticket is not None
        await harness.do(harness.emit("b"))
        harness.advance(3600)
        await harness.worker("ana")
        assert await harness.claimed() == ["a"]
        await harness.refused(RunStateWrong, harness.take("b"))

    async def test_runs_of_other_keys_and_of_none_do_not_wait(self, harness: StoreHarness) -> None:
        await make(harness, "a")
        await harness.do(harness.create("other", key="another"))
        await harness.do(harness.create("none"))
        harness.tenant = "t"
        await harness.do(harness.create("tenant's", key="k"))
        assert sorted(await harness.claimed()) == ["a", "none", "other", "tenant's"]

    async def test_every_end_gives_the_key_to_the_next(self, harness: StoreHarness) -> None:
        ends = ("completed", "failed", "cancelled", "cancel", "cancel suspended", "seal", "takeover", "fail", "retire")
        await make(harness, *ends, "last")
        for end, following in zip(ends, (*ends[1:], "last"), strict=True):
            assert await holders(harness) == [end]
            if end == "cancel":
                await harness.do(harness.cancel(end))
            else:
                await harness.worker(end)
                await self._end(harness, end, await harness.lease(end, end))
            assert await holders(harness) == [following]
            assert (await harness.get(following)).ready_at == harness.at

    @staticmethod
    async def _end(harness: StoreHarness, end: str, lease: Lease) -> None:
        if end in {"seal", "takeover", "retire"}:
            await harness.do(harness.cancel(end, within=5))
        if end == "seal":
            harness.advance(5)
            await harness.do(harness.seal(end))
        elif end == "takeover":
            await harness.lapse(end)
        elif end == "retire":
            await harness.do(harness.retire(end))
        elif end in {"fail", "cancel suspended"}:
            await harness.commit(lease, harness.suspend())
            await harness.do(harness.fail(end) if end == "fail" else harness.cancel(end))
        else:
            await harness.commit(lease, harness.finish(end))

    async def test_a_run_that_is_cancelled_while_it_waits_loses_its_ticket(self, harness: StoreHarness) -> None:
        await make(harness, "a", "b", "c")
        await harness.do(harness.cancel("b"))
        assert await harness.status("b") == "cancelled"
        assert await holders(harness) == ["a"]
        await harness.do(harness.cancel("a"))
        assert await holders(harness) == ["c"]

    async def test_a_run_keeps_its_key_while_it_is_suspended(self, harness: StoreHarness) -> None:
        await make(harness, "a", "b")
        await harness.commit(await harness.lease("a"), harness.suspend(GO))
        assert await harness.claimed() == []
        await harness.do(harness.emit("a"))
        assert await harness.claimed() == ["a"]

    async def test_a_run_that_holds_its_key_while_it_runs_gives_it_on_when_it_waits(
        self, harness: StoreHarness
    ) -> None:
        await make(harness, "a", "b", hold="while_running")
        await harness.commit(await harness.lease("a"), harness.suspend(GO))
        assert await holders(harness) == ["b"]
        lease = await harness.lease("b")
        await harness.do(harness.emit("a"))
        run = await harness.get("a")
        assert (run.status, run.ready_at, run.has_key) == ("queued", None, False)
        assert await harness.claimed() == []
        await harness.commit(lease, harness.suspend(GO))
        assert await holders(harness) == ["a"]
        assert await harness.claimed() == ["a"]

    async def test_a_timer_waits_for_the_key_too(self, harness: StoreHarness) -> None:
        await make(harness, "a", "b", hold="while_running")
        await harness.commit(await harness.lease("a"), harness.suspend(due_in=5))
        lease = await harness.lease("b")
        harness.advance(5)
        assert await harness.claimed() == []
        run = await harness.get("a")
        assert (run.status, run.due_at, run.waiting_for) == ("queued", None, ())
        await harness.commit(lease, harness.finish())
        assert await harness.claimed() == ["a"]

    async def test_of_several_timers_of_one_key_one_is_claimed(self, harness: StoreHarness) -> None:
        await make(harness, "a", "b", "c", hold="while_running")
        for run_id in ("a", "b", "c"):
            await harness.commit(await harness.lease(run_id), harness.suspend(due_in=5))
        harness.advance(5)
        claimed = list[str]()
        for _ in range(3):
            [run_id] = await harness.claimed()
            assert await holders(harness) == [run_id]
            claimed.append(run_id)
            lease = Lease(None, run_id, (await harness.get(run_id)).token)
            await harness.commit(lease, harness.finish())
        assert sorted(claimed) == ["a", "b", "c"]

    async def test_a_run_that_is_taken_over_or_released_keeps_its_key(self, harness: StoreHarness) -> None:
        holds: tuple[KeyHold, ...] = ("until_end", "while_running")
        for hold in holds:
            await make(harness, f"a {hold}", f"b {hold}", hold=hold)
            lease = await harness.lease(f"a {hold}")
            await harness.commit(lease, harness.release())
            await harness.lease(f"a {hold}")
            await harness.lapse("ana")
            assert await holders(harness) == [f"a {hold}"]
            await harness.do(harness.cancel(f"a {hold}"))
            await harness.do(harness.cancel(f"b {hold}"))

    async def test_a_restarted_run_waits_for_its_key_behind_the_others(self, harness: StoreHarness) -> None:
        await make(harness, "a", "b", "c")
        await harness.commit(await harness.lease("a"), harness.finish("failed"))
        await harness.do(harness.restart("a"))
        order = list[str]()
        for _ in range(3):
            [claimed] = await harness.do(harness.claim())
            order.append(claimed.run.run_id)
            await harness.commit(Lease(None, claimed.run.run_id, claimed.run.token), harness.finish())
        assert order == ["b", "c", "a"]

    async def test_a_restarted_run_is_claimable_at_once_where_nobody_has_its_key(self, harness: StoreHarness) -> None:
        await make(harness, "a")
        await harness.commit(await harness.lease("a"), harness.finish("failed"))
        await harness.do(harness.restart("a"))
        assert await harness.claimed() == ["a"]

    async def test_a_deleted_thread_gives_the_keys_of_its_runs_on(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("turn", key="k"))
        await make(harness, "next")
        await harness.lease("turn")
        await harness.do(harness.delete_thread())
        assert await harness.claimed() == ["next"]

    async def test_workers_that_give_back_several_runs_of_one_key_leave_it_to_the_next(
        self, harness: StoreHarness
    ) -> None:
        await make(harness, "a", "b", "c")
        await harness.lease("a")
        await harness.do(harness.cancel("a"))
        await harness.do(harness.retire("ana"))
        assert await holders(harness) == ["b"]
        await harness.worker("bob")
        assert await harness.claimed("bob") == ["b"]

    async def test_of_many_runs_of_one_key_never_two_run(self, harness: StoreHarness) -> None:
        await make(harness, *(f"run-{number}" for number in range(12)))
        workers = [await harness.worker(f"worker-{number}") for number in range(4)]
        done = list[str]()
        while len(done) < 12:
            claims = [harness.store.execute(harness.claim(worker)) for worker in workers]
            claimed = [one for landed in await asyncio.gather(*claims) for one in landed]
            [one] = claimed
            done.append(one.run.run_id)
            await harness.commit(Lease(None, one.run.run_id, one.run.token), harness.finish())
        assert done == [f"run-{number}" for number in range(12)]
