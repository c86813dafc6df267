"""Groups: commits that are on their way together may share a transaction, and share no fate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from perdure.core.records import Lease
from perdure.errors import LeaseLost, RunInputMismatch, SeqConflict, StepFinal, TooLarge
from perdure.stores.port import Landed, Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World

SIZE = 64


async def together(world: World, commits: Sequence[tuple[Operation, Lease | None]]) -> list[Landed | BaseException]:
    """Commit all at once."""

    async def commit(operation: Operation, lease: Lease | None) -> Landed:
        return await world.store.commit(operation, lease=lease)

    return await asyncio.gather(*(commit(*one) for one in commits), return_exceptions=True)


class GroupPromises(Promises):
    """Many commits at once."""

    async def test_of_a_group_exactly_those_are_refused_that_must_be(self, world: World) -> None:
        leases = [await world.running(f"run-{number}") for number in range(SIZE)]
        commits: list[tuple[Operation, Lease | None]] = [(world.step(one.run_id), one) for one in leases]
        stale, conflicting, oversized, with_nul, mismatched = 7, 11, 23, 42, 63
        await world.lease(f"run-{stale}")
        run_id = leases[conflicting].run_id
        commits[conflicting] = (world.append(run_id, 9), leases[conflicting])
        run_id = leases[oversized].run_id
        huge = bytes(world.abilities.max_value + 1)
        commits[oversized] = (world.step(run_id, result=huge), leases[oversized])
        run_id = leases[with_nul].run_id
        commits[with_nul] = (world.step(run_id, result=b'"\x00"'), leases[with_nul])
        commits[mismatched] = (world.create("run-0", manifest_hash="another"), None)
        settled = await together(world, commits)
        refusals = {number: type(one) for number, one in enumerate(settled) if isinstance(one, BaseException)}
        assert refusals == {
            stale: LeaseLost,
            conflicting: SeqConflict,
            oversized: TooLarge,
            mismatched: RunInputMismatch,
        }
        for number, lease in enumerate(leases):
            steps = await world.store.steps.list(lease.run_id)
            assert len(steps) == (0 if number in refusals else 1), lease.run_id
        assert [step.result for step in await world.store.steps.list(f"run-{with_nul}")] == [b'"\x00"']

    async def test_a_refused_commit_of_a_group_leaves_nothing(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.step(position="9"), lease=lease)

        async def commit(number: int) -> Landed:
            late = world.step(position="9") if number % 4 == 0 else world.step(position=f"1.{number}")
            return await world.store.commit(world.step(position=str(number)), late, lease=lease)

        rev = (await world.get()).rev
        numbers = range(10, 10 + SIZE)
        settled = await asyncio.gather(*(commit(number) for number in numbers), return_exceptions=True)
        refused = [number for number, one in zip(numbers, settled, strict=True) if isinstance(one, StepFinal)]
        assert refused == [number for number in numbers if number % 4 == 0]
        found = {step.position for step in await world.store.steps.list("run")}
        landed = [number for number in numbers if number % 4]
        assert found == {"9"} | {str(number) for number in landed} | {f"1.{number}" for number in landed}
        assert (await world.get()).rev == rev + len(landed)

    async def test_commits_of_one_run_follow_each_other(self, world: World) -> None:
        lease = await world.running()
        ended = world.store.commit(world.finish(), lease=lease)
        late = world.store.commit(world.step(), lease=lease)
        settled = await asyncio.gather(ended, late, return_exceptions=True)
        assert isinstance(settled[1], LeaseLost)
        assert await world.store.steps.list("run") == []
