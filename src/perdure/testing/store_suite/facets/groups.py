"""Groups: commits that are on their way together may share a transaction, and share no fate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from perdure.core.records import Lease
from perdure.errors import LeaseLost, RunInputMismatch, SeqConflict, StepFinal, TooLarge
from perdure.stores.port import CommitResult, Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness

SIZE = 64


async def together(
    harness: StoreHarness, commits: Sequence[tuple[Operation, Lease | None]]
) -> list[CommitResult | BaseException]:
    """Commit all at once."""

    async def commit(operation: Operation, lease: Lease | None) -> CommitResult:
        return await harness.store.commit(operation, lease=lease)

    return await asyncio.gather(*(commit(*one) for one in commits), return_exceptions=True)


class GroupPromises(Promises):
    """Many commits at once."""

    async def test_of_a_group_exactly_those_are_refused_that_must_be(self, harness: StoreHarness) -> None:
        leases = [await harness.running(f"run-{number}") for number in range(SIZE)]
        commits: list[tuple[Operation, Lease | None]] = [(harness.step(one.run_id), one) for one in leases]
        stale, conflicting, oversized, with_nul, mismatched = 7, 11, 23, 42, 63
        await harness.lease(f"run-{stale}")
        run_id = leases[conflicting].run_id
        commits[conflicting] = (harness.append(run_id, 9), leases[conflicting])
        run_id = leases[oversized].run_id
        huge = bytes(harness.abilities.max_value + 1)
        commits[oversized] = (harness.step(run_id, result=huge), leases[oversized])
        run_id = leases[with_nul].run_id
        commits[with_nul] = (harness.step(run_id, result=b'"\x00"'), leases[with_nul])
        commits[mismatched] = (harness.create("run-0", manifest_hash="another"), None)
        settled = await together(harness, commits)
        refusals = {number: type(one) for number, one in enumerate(settled) if isinstance(one, BaseException)}
        assert refusals == {
            stale: LeaseLost,
            conflicting: SeqConflict,
            oversized: TooLarge,
            mismatched: RunInputMismatch,
        }
        for number, lease in enumerate(leases):
            steps = await harness.store.steps.list(lease.run_id)
            assert len(steps) == (0 if number in refusals else 1), lease.run_id
        assert [step.result for step in await harness.store.steps.list(f"run-{with_nul}")] == [b'"\x00"']

    async def test_a_refused_commit_of_a_group_leaves_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.step(position="9"), lease=lease)

        async def commit(number: int) -> CommitResult:
            late = harness.step(position="9") if number % 4 == 0 else harness.step(position=f"1.{number}")
            return await harness.store.commit(harness.step(position=str(number)), late, lease=lease)

        rev = (await harness.get()).rev
        numbers = range(10, 10 + SIZE)
        settled = await asyncio.gather(*(commit(number) for number in numbers), return_exceptions=True)
        refused = [number for number, one in zip(numbers, settled, strict=True) if isinstance(one, StepFinal)]
        assert refused == [number for number in numbers if number % 4 == 0]
        found = {step.position for step in await harness.store.steps.list("run")}
        landed = [number for number in numbers if number % 4]
        assert found == {"9"} | {str(number) for number in landed} | {f"1.{number}" for number in landed}
        assert (await harness.get()).rev == rev + len(landed)

    async def test_commits_of_one_run_follow_each_other(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        ended = harness.store.commit(harness.finish(), lease=lease)
        late = harness.store.commit(harness.step(), lease=lease)
        settled = await asyncio.gather(ended, late, return_exceptions=True)
        assert isinstance(settled[1], LeaseLost)
        assert await harness.store.steps.list("run") == []
