"""Groups: commits that are on their way together may share a transaction, and share no outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from perdure.core.operations import CommitResult, HolderOperation
from perdure.core.records import Lease
from perdure.errors import InboxMoved, LeaseLost, RunInputMismatch, SeqConflict, StepFinal, TooLarge
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness

SIZE = 64


class GroupPromises(Promises):
    """Many commits at once."""

    async def test_of_a_group_exactly_those_are_refused_that_must_be(self, harness: StoreHarness) -> None:
        leases = [await harness.running(f"run-{number}") for number in range(SIZE)]
        stale, conflicting, oversized, with_nul, mismatched = 7, 11, 23, 42, 63
        await harness.lease(f"run-{stale}")
        huge = bytes(harness.abilities.max_value + 1)
        others: dict[int, HolderOperation] = {
            conflicting: harness.append(9),
            oversized: harness.step(result=huge),
            with_nul: harness.step(result=b'"\x00"'),
        }
        commits: list[Awaitable[object]] = []
        for number, lease in enumerate(leases):
            if number == mismatched:
                commits.append(harness.store.execute(harness.create("run-0", manifest_hash="another")))
            else:
                commits.append(_commit(harness, lease, others.get(number, harness.step())))
        settled = await asyncio.gather(*commits, return_exceptions=True)
        refusals = {number: type(one) for number, one in enumerate(settled) if isinstance(one, BaseException)}
        assert refusals == {
            stale: LeaseLost,
            conflicting: SeqConflict,
            oversized: TooLarge,
            mismatched: RunInputMismatch,
        }
        for number, lease in enumerate(leases):
            steps = await harness.store.steps.list(lease.run_id, tenant=None)
            assert len(steps) == (0 if number in refusals else 1), lease.run_id
        [step] = await harness.store.steps.list(f"run-{with_nul}", tenant=None)
        assert step.result == b'"\x00"'

    async def test_a_refused_commit_of_a_group_leaves_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.step("9"))

        async def commit(number: int) -> CommitResult:
            late = harness.step("9", result=b"2") if number % 4 == 0 else harness.step(f"1.{number}")
            return await harness.store.commit(lease, harness.step(str(number)), late)

        numbers = range(10, 10 + SIZE)
        settled = await asyncio.gather(*(commit(number) for number in numbers), return_exceptions=True)
        refused = [number for number, one in zip(numbers, settled, strict=True) if isinstance(one, StepFinal)]
        assert refused == [number for number in numbers if number % 4 == 0]
        found = {step.position for step in await harness.store.steps.list("run", tenant=None)}
        landed = [number for number in numbers if number % 4]
        assert found == {"9"} | {str(number) for number in landed} | {f"1.{number}" for number in landed}

    async def test_of_a_group_exactly_those_are_refused_whose_inbox_has_moved(self, harness: StoreHarness) -> None:
        leases = [await harness.running(f"run-{number}") for number in range(SIZE)]
        moved, late = {3, 4, 31, 63}, {17, 40}
        for number in moved:
            await harness.do(harness.emit(f"run-{number}"))
        commits: list[Awaitable[object]] = []
        for number, lease in enumerate(leases):
            if number in late:  # on its way before the commit, in one group with it
                commits.append(harness.store.execute(harness.emit(f"run-{number}")))
            inbox = None if number % 2 and number not in moved | late else 0
            commits.append(harness.store.commit(lease, harness.step(inbox=inbox)))
        settled = await asyncio.gather(*commits, return_exceptions=True)
        assert {type(one) for one in settled if isinstance(one, BaseException)} == {InboxMoved}
        without = {lease.run_id for lease in leases if not await harness.store.steps.list(lease.run_id, tenant=None)}
        assert without == {f"run-{number}" for number in moved | late}

    async def test_commits_of_one_run_follow_each_other(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        ended = harness.store.commit(lease, harness.finish())
        late = harness.store.commit(lease, harness.step())
        settled = await asyncio.gather(ended, late, return_exceptions=True)
        assert isinstance(settled[1], LeaseLost)
        assert await harness.store.steps.list("run", tenant=None) == []


async def _commit(harness: StoreHarness, lease: Lease, operation: HolderOperation) -> CommitResult:
    """A commit; a refusal may come from the call itself, and is the outcome all the same."""
    return await harness.store.commit(lease, operation)
