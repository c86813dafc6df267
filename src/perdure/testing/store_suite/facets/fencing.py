"""The fence: who lost a lease writes nothing more, and nothing but the run's own row decides it."""

from __future__ import annotations

from perdure.core.chunks import Entry
from perdure.core.records import Lease
from perdure.errors import LeaseLost, StepFinal
from perdure.stores.port import CompactEntries, Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import LEASE_FOR, World


def writes(world: World) -> tuple[Operation, ...]:
    """Every operation that needs the lease."""
    return (
        world.step(),
        world.step(status="failed"),
        world.ask(),
        world.append("run", 1),
        CompactEntries("run", Entry(1, 1, b"[]")),
        world.suspend(inbox=0),
        world.release(),
        world.finish(),
        world.finish(status="failed"),
        world.finish(status="cancelled"),
    )


async def changes_nothing(world: World, lease: Lease) -> None:
    """See every write under a lease refused, and everything stay as it was, `rev` included."""
    before = await world.everything(lease.run_id)
    for write in writes(world):
        await world.refused(LeaseLost, write, lease=lease)
        # what anybody may write is refused with it, where it comes under a stale lease
        await world.refused(LeaseLost, world.emit(key="with it"), write, lease=lease)
    assert await world.everything(lease.run_id) == before


class FencingPromises(Promises):
    """The lease of a commit."""

    async def test_a_write_with_a_stale_token_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.retaken(lease, "bob")
        await changes_nothing(world, lease)

    async def test_a_write_under_an_earlier_token_of_the_same_worker_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.lease("run", "ana")
        await changes_nothing(world, lease)

    async def test_a_write_of_another_worker_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.worker("bob")
        await changes_nothing(world, Lease("run", "bob", lease.token))

    async def test_a_write_with_a_token_that_was_not_given_out_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await changes_nothing(world, Lease("run", "ana", lease.token + 1))

    async def test_a_write_after_the_lease_was_given_back_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.release(), lease=lease)
        await changes_nothing(world, lease)

    async def test_a_write_to_a_suspended_run_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.suspend(), lease=lease)
        await changes_nothing(world, lease)

    async def test_a_write_to_an_ended_run_is_refused(self, world: World) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await world.running(status, "ana")
            await world.do(world.finish(status, status), lease=lease)
            before = await world.everything(status)
            await world.refused(LeaseLost, world.step(status), lease=lease)
            await world.refused(LeaseLost, world.finish(status), lease=lease)
            assert await world.everything(status) == before

    async def test_a_write_to_a_run_that_was_sealed_is_refused(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.cancel(within=5))
        world.advance(5)
        await world.do(world.seal())
        await changes_nothing(world, lease)

    async def test_a_write_to_a_run_that_is_not_there_is_refused(self, world: World) -> None:
        await world.worker("ana")
        await changes_nothing(world, Lease("run", "ana", 1))

    async def test_a_run_that_is_being_cancelled_is_still_its_owners(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.cancel())
        await world.do(world.step(), world.append("run", 1), lease=lease)
        await world.do(world.finish(status="cancelled"), lease=lease)
        assert await world.status() == "cancelled"

    async def test_no_clock_fences(self, world: World) -> None:
        """A lease that has ended is still the run's, as long as nobody has taken it: the row decides, not the time."""
        lease = await world.running("run", "ana")
        world.advance(10 * LEASE_FOR)
        await world.do(world.step(), lease=lease)
        await world.do(world.finish(), lease=lease)
        assert await world.status() == "completed"

    async def test_what_needs_the_lease_is_refused_without_it(self, world: World) -> None:
        await world.running("run", "ana")
        other = await world.running("other", "ana")
        before = await world.everything()
        for write in writes(world):
            await world.refused(LeaseLost, write)
            await world.refused(LeaseLost, write, lease=other)
        assert await world.everything() == before

    async def test_each_commit_of_the_holder_raises_rev(self, world: World) -> None:
        lease = await world.running("run", "ana")
        first = (await world.get()).rev
        await world.do(world.step(position="0"), world.step(position="1"), lease=lease)
        assert (await world.get()).rev == first + 1
        await world.do(world.append("run", 1), lease=lease)
        assert (await world.get()).rev == first + 2
        await world.do(world.finish(), lease=lease)
        assert (await world.get()).rev == first + 3

    async def test_only_commits_of_the_holder_that_land_raise_rev(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.step(), lease=lease)
        before = (await world.get()).rev
        await world.do(world.emit())
        await world.do(world.cancel())
        await world.do(world.take_over("nobody"))
        await world.refused(StepFinal, world.step(), lease=lease)
        assert (await world.get()).rev == before
