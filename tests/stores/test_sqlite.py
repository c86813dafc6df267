import asyncio
import gc
from contextlib import suppress
from pathlib import Path

import pytest

from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite import FacetSuite, ProcessSuite, StoreHarness
from perdure.testing.store_suite.facets.transfer import exported
from tests.stores import dying_workers


class TestSqlite(FacetSuite):
    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'x.db'}"

    async def let_die(self, store: Store, worker_id: str) -> None:
        await dying_workers.let_die(store, worker_id)


@pytest.mark.slow
@pytest.mark.chaos
class TestSqliteOfManyProcesses(ProcessSuite):
    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'x.db'}"


async def test_an_export_that_is_cancelled_or_left_keeps_nothing_open(tmp_path: Path) -> None:
    url, clock = f"sqlite:///{tmp_path}/x.db", ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    for number in range(600):
        await harness.run(f"run-{number}")
    await exported(harness.store)
    before = descriptors()  # SQLite keeps the one of a connection that was closed for the next one
    for turns in range(5):
        task = asyncio.ensure_future(exported(harness.store))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    batches = harness.store.transfer.export()
    await anext(batches)
    await batches.aclose()
    gc.collect()
    assert descriptors() <= before + 1
    await harness.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
