"""The fold property: whatever a reader has seen, going on gives it what a reader of the whole stream gets."""

from __future__ import annotations

from perdure.core.chunks import Entry
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.lane_log import LaneLog, Write, check_log


class FoldingPromises(Promises):
    """What a reader ends with."""

    logs = 60
    """How many random logs are tried."""

    async def test_every_reader_ends_with_what_a_reader_of_the_whole_stream_gets(self, harness: StoreHarness) -> None:
        await harness.worker("ana", lease_for=1e9)
        for seed in range(self.logs):
            await self._check(harness, seed)

    @staticmethod
    async def _check(harness: StoreHarness, seed: int) -> None:
        run_id = f"run-{seed}"
        lease = await harness.running(run_id)

        async def land(write: Write) -> None:
            nonlocal lease
            if log.random.random() < 0.1:
                lease = await harness.lease(run_id)  # whoever goes on, does so under a new token
            await harness.commit(lease, write)

        async def read_page(after: int, limit: int) -> list[Entry]:
            page = await harness.store.streams.read(run_id, tenant=None, after=after, limit=limit)
            return list(page.entries)

        log = LaneLog(seed, land, read_page)
        await check_log(log)
