"""Tenants: the same ids under several tenants are different things, in every read and every operation."""

from __future__ import annotations

from perdure.core import keys
from perdure.core.records import Lease
from perdure.core.threads import TurnRef
from perdure.errors import LeaseLost, MessageNotFound, QuestionNotFound, RunNotFound, ThreadNotFound
from perdure.stores.port import EVERY_TENANT
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.snapshot import Snapshot
from perdure.testing.store_suite.thread_operations import text

TENANTS = (None, "t", "T", "a/b")
"""None is a tenant like any other."""


async def build(harness: StoreHarness, tenant: str | None) -> Lease:
    """One of everything, with the same ids for each tenant."""
    harness.tenant = tenant
    await harness.do(harness.create("parent"))
    lease = await harness.lease("parent")
    await harness.commit(lease, harness.suspend(keys.child("run")))
    await harness.thread()
    await harness.do(harness.turn_with_reply("run", key="k"))
    await harness.do(harness.create("waiting", key="k"))
    lease = await harness.lease("run")
    await harness.store.commit(
        lease,
        harness.step(),
        harness.append(1),
        harness.ask(),
        harness.usage(),
        harness.put_parts("reply-run", 0, *text("a")),
        harness.create("child", parent_id="run"),
    )
    await harness.do(harness.emit())
    await harness.do(harness.thread_event())
    return lease


def of_tenant(snapshot: Snapshot, tenant: str | None) -> Snapshot:
    """What of a snapshot is about one tenant."""
    return {key: answer for key, answer in snapshot.items() if len(key) > 2 and key[1] == tenant}


class TenantPromises(Promises):
    """What stands in every table, key and read."""

    async def test_the_same_ids_of_several_tenants_do_not_meet(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        leases = {tenant: await build(harness, tenant) for tenant in TENANTS}
        for tenant in TENANTS:
            before = await harness.everything()
            await self._go_on(harness, tenant, leases[tenant])
            after = await harness.everything()
            for other in TENANTS:
                is_same = of_tenant(after, other) == of_tenant(before, other)
                assert is_same == (other != tenant), (tenant, other)

    @staticmethod
    async def _go_on(harness: StoreHarness, tenant: str | None, lease: Lease) -> None:
        """Every operation on what there is of one tenant."""
        harness.tenant = tenant
        await harness.do(harness.emit(key="event:more"))
        await harness.do(harness.answer())
        await harness.do(harness.update_thread(title="t"))
        await harness.do(harness.thread_event())
        await harness.store.commit(
            lease,
            harness.step("1"),
            harness.append(2),
            harness.set_message("reply-run", status="complete"),
            harness.finish("failed"),
        )
        assert (await harness.get("waiting")).has_key
        await harness.do(harness.restart("run"))
        await harness.do(harness.cancel("run"))
        await harness.do(harness.cancel("waiting"))
        await harness.do(harness.cancel_children("run"))
        await harness.do(harness.create_thread("fork", root=TurnRef("thread", 1)))
        await harness.do(harness.cancel("parent"))
        await harness.do(harness.delete("waiting"))
        await harness.do(harness.delete_thread("fork"))
        await harness.do(harness.delete_thread())

    async def test_what_is_another_tenants_is_not_there(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        lease = await build(harness, "t")
        for tenant in (None, "T", "a/b"):
            harness.tenant = tenant
            store = harness.store
            assert await store.runs.get("run", tenant=tenant) is None
            assert await store.runs.status("run", tenant=tenant) is None
            assert await store.runs.manifest("run", tenant=tenant) is None
            assert await store.runs.news("run", tenant=tenant, after=0) is None
            assert await store.runs.list(tenant=tenant) == []
            assert await store.steps.list("run", tenant=tenant) == []
            assert await store.steps.count("run", tenant=tenant) == 0
            assert await store.events.list("run", tenant=tenant) == []
            assert await store.events.get("run", "event:go", tenant=tenant) is None
            assert await store.questions.get("why", tenant=tenant) is None
            assert await store.questions.list(tenant=tenant, open_only=False) == []
            assert await store.messages.of_run("run", tenant=tenant) is None
            assert await store.messages.usage("run", tenant=tenant) == []
            assert await store.messages.get("thread", "reply-run", tenant=tenant) is None
            assert await store.messages.path("thread", tenant=tenant) == []
            assert await store.threads.get("thread", tenant=tenant) is None
            assert await store.threads.list(tenant=tenant) == []
            assert await store.threads.path("thread", tenant=tenant) == []
            assert await store.threads.turns("thread", tenant=tenant) == []
            assert await store.threads.events("thread", tenant=tenant) == []
            for operation in (harness.emit(), harness.cancel(), harness.seal(), harness.restart(), harness.fail()):
                await harness.refused(RunNotFound, operation)
            await harness.refused(RunNotFound, harness.delete())
            await harness.refused(RunNotFound, harness.take())
            await harness.refused(QuestionNotFound, harness.answer())
            for operation in (harness.update_thread(), harness.delete_thread(), harness.thread_event()):
                await harness.refused(ThreadNotFound, operation)
            await harness.refused(ThreadNotFound, harness.create_thread("fork", root=TurnRef("thread", 1)))
            await harness.commit_refused(LeaseLost, Lease(tenant, "run", lease.token), harness.step("2"))

    async def test_a_holder_writes_nothing_of_another_tenant(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await build(harness, "t")
        lease = await build(harness, None)
        for tenant in ("t", "T"):
            harness.tenant = tenant
            await harness.commit_refused(LeaseLost, lease, harness.ask("another"))
            await harness.commit_refused(LeaseLost, lease, harness.add_message("more", place=7, run_id="run"))
        harness.tenant = None
        await harness.commit_refused(MessageNotFound, lease, harness.put_parts("more", 0))

    async def test_an_operator_lists_what_is_of_every_tenant(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        for tenant in TENANTS:
            await build(harness, tenant)
            harness.advance(1)
        for tenant in TENANTS:
            assert {run.tenant for run in await harness.store.runs.list(tenant=tenant)} == {tenant}
            assert [thread.tenant for thread in await harness.store.threads.list(tenant=tenant)] == [tenant]
            assert [one.tenant for one in await harness.store.questions.list(tenant=tenant)] == [tenant]
        runs = await harness.store.runs.list(tenant=EVERY_TENANT)
        assert len(runs) == 4 * len(TENANTS)
        assert [run.created_at for run in runs] == sorted((run.created_at for run in runs), reverse=True)
        threads = await harness.store.threads.list(tenant=EVERY_TENANT)
        assert [thread.tenant for thread in threads] == list(reversed(TENANTS))
        questions = await harness.store.questions.list(tenant=EVERY_TENANT)
        assert [question.tenant for question in questions] == list(TENANTS)

    async def test_a_worker_claims_and_takes_over_what_is_of_every_tenant(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        for tenant in TENANTS:
            harness.tenant = tenant
            await harness.run()
        claimed = await harness.do(harness.claim("ana"))
        assert {one.run.tenant for one in claimed} == set(TENANTS)
        orphans = await harness.do(harness.renew("ana", executing=["run"]))  # one that is executed: the last tenant's
        assert sorted(orphans, key=str) == sorted(((tenant, "run") for tenant in TENANTS[:-1]), key=str)
        harness.advance(3600)
        taken = await harness.do(harness.take_over("ana"))
        assert sorted(taken, key=str) == sorted(((tenant, "run") for tenant in TENANTS), key=str)
