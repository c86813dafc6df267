"""Reopening: what was committed is there, and goes on where it was."""

from __future__ import annotations

from perdure.core.records import Lease
from perdure.errors import Deleted, LeaseLost
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.tenants import build
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import keys_of


class ReopeningPromises(Promises):
    """A store that is closed and opened again."""

    async def test_everything_is_there_after_the_store_was_opened_again(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        await harness.worker("ana")
        for tenant in (None, "t"):
            await build(harness, tenant)
        await harness.do(harness.cancel("run"))
        await harness.do(harness.cancel("parent"))
        before = {key: answer for key, answer in (await harness.everything()).items() if key != ("dead",)}
        for _ in range(2):
            await harness.reopen()
            after = await harness.everything()
            assert {key: answer for key, answer in after.items() if key != ("dead",)} == before

    async def test_a_run_goes_on_where_it_was(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        lease = await harness.running("run", "ana")
        await harness.store.commit(lease, harness.step(), harness.append(1))
        await harness.suspended("waiting", "ana", due_in=60)
        await harness.reopen()
        await harness.worker("ana")
        again = await harness.lease("run", "ana")
        assert again.token > lease.token
        await harness.commit_refused(LeaseLost, lease, harness.step("1"))
        await harness.store.commit(again, harness.step("1"), harness.append(2))
        harness.advance(60)
        await harness.worker("bob")
        [claimed] = await harness.do(harness.claim("bob"))
        assert claimed.run.run_id == "waiting"
        await harness.commit(Lease(None, "waiting", claimed.run.token), harness.finish())

    async def test_what_was_deleted_stays_remembered(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        await harness.ended()
        await harness.thread()
        await harness.do(harness.delete())
        await harness.do(harness.delete_thread())
        await harness.reopen()
        await harness.refused(Deleted, harness.create())
        await harness.refused(Deleted, harness.create_thread())

    async def test_what_was_on_its_way_when_the_store_was_closed_is_there(self, harness: StoreHarness) -> None:
        harness.needs("survives_kill")
        await harness.run()
        commits = [harness.store.execute(harness.emit(key=key)) for key in keys_of(map(str, range(20)))]
        await harness.reopen()
        events = await harness.store.events.list("run", tenant=None)
        assert len(events) == len([await commit for commit in commits])
