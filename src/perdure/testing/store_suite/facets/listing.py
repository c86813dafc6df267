"""Lists: the newest first, in pages that miss nothing and repeat nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.records import RunRecord
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


def ids(runs: Sequence[RunRecord]) -> list[str]:
    """The runs' ids, in their order."""
    return [run.run_id for run in runs]


class ListPromises(Promises):
    """RunReads.list."""

    async def test_runs_are_listed_the_newest_first_and_by_id_where_equally_old(self, harness: StoreHarness) -> None:
        for moment in (("b", "a", "c"), ("e", "d")):
            for run_id in moment:
                await harness.run(run_id)
            harness.advance(0.000001)
        assert ids(await harness.store.runs.list(tenant=None)) == ["e", "d", "c", "b", "a"]

    async def test_pages_miss_nothing_and_repeat_nothing(self, harness: StoreHarness) -> None:
        expected: list[str] = []
        for number in range(23):
            if number % 3 == 0:
                harness.advance(0.5)
            expected.append(await harness.run(f"run-{number:02}"))
        found: list[RunRecord] = []
        while page := await harness.store.runs.list(
            tenant=None, before=(found[-1].created_at, found[-1].run_id) if found else None, limit=5
        ):
            assert len(page) <= 5
            found += page
        assert ids(found) == sorted(expected, reverse=True)

    async def test_runs_are_listed_by_what_they_are(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.create("a", workflow="one"))
        await harness.do(harness.create("b", queue="two", parent_id="a"))
        await harness.do(harness.turn("c"))
        await harness.do(harness.cancel("a"))
        await harness.do(harness.cancel("b"))
        await harness.running("d", like=harness.create("d", workflow="one"))
        listed = harness.store.runs.list
        assert ids(await listed(tenant=None, workflow="one")) == ["d", "a"]
        assert ids(await listed(tenant=None, queue="two")) == ["b"]
        assert ids(await listed(tenant=None, parent_id="a")) == ["b"]
        assert ids(await listed(tenant=None, thread_id="thread")) == ["c"]
        assert ids(await listed(tenant=None, status=("cancelled",))) == ["b", "a"]
        assert ids(await listed(tenant=None, status=("running", "queued"))) == ["d", "c"]
        assert ids(await listed(tenant=None, status=("cancelled",), workflow="one")) == ["a"]
        assert await listed(tenant=None, workflow="three") == []

    async def test_a_list_leaves_out_results_and_nothing_else(self, harness: StoreHarness) -> None:
        await harness.ended("one", "failed")
        await harness.ended("two")
        await harness.suspended("three", due_in=5)
        for run in await harness.store.runs.list(tenant=None):
            assert run == msgspec.structs.replace(await harness.get(run.run_id), result=None)
