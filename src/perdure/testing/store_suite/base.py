"""What every facet's tests stand on: how the store under test is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import pytest_asyncio

from perdure.testing.store_suite.harness import StoreHarness

if TYPE_CHECKING:
    from perdure.stores.port import Store


class Promises:
    """Tests of a store's promises; each takes a harness with the store, opened for it alone."""

    opener = "perdure.stores:open_store"
    """Where child processes find the function that opens a URL: `module:name`, async, (url) -> Store."""

    def url(self, folder: Path) -> str:
        """The URL of a store of its own, in a folder of its own."""
        raise NotImplementedError

    async def open(self, url: str) -> Store:
        """Open the store that a URL names."""
        return await resolve_name(self.opener)(url)

    @pytest_asyncio.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[StoreHarness]:
        """The store under test, and a time that stands still."""
        url = self.url(tmp_path)
        harness = StoreHarness(await self.open(url), url, self.opener, self.open)
        yield harness
        await harness.close()
