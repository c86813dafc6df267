"""What every facet's tests stand on: how the store under test is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import pytest_asyncio

from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

if TYPE_CHECKING:
    from perdure.stores.port import Store


class Promises:
    """Tests of a store's promises; each takes a harness with the store, opened for it alone."""

    opener = "perdure.stores:open_store"
    """Where child processes find the function that opens a URL: `module:name`, async, (url, *, clock) -> Store."""

    def url(self, folder: Path) -> str:
        """The URL of a store of its own, in a folder of its own."""
        raise NotImplementedError

    async def open(self, url: str, *, clock: ManualClock) -> Store:
        """Open the store that a URL names, which reads its time from the clock."""
        return await resolve_name(self.opener)(url, clock=clock)

    async def let_die(self, store: Store, worker_id: str) -> None:  # noqa: ARG002 - for whoever overrides
        """Let a worker's process end, as far as the store can tell: `store` is the only handle that it had.

        For a store that proves deaths: to be overridden where a store that is closed proves none yet, because
        this process goes on.
        """
        await store.close()

    @pytest_asyncio.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[StoreHarness]:
        """The store under test, and a time that stands still."""
        url, clock = self.url(tmp_path), ManualClock()
        harness = StoreHarness(await self.open(url, clock=clock), url, self.opener, self.open, clock, self.let_die)
        yield harness
        await harness.close()
