"""A store that can hold back its workers' claims, so that what is done before a claim is counted by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from perdure import App
from perdure.core.operations import Claim, Operation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.stores.port import Store
from perdure.testing.wrapped import WrappedStore


class HeldClaims(WrappedStore):
    """Claims go through while `goes_on` is set, and wait until then otherwise."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Value]]
    ) -> Awaitable[Value]:
        if isinstance(operations[0], Claim) and not self.goes_on.is_set():
            return asyncio.ensure_future(self._later(commit))
        return commit()

    async def _later(self, commit: Callable[[], Awaitable[Value]]) -> Value:
        await self.goes_on.wait()
        return await commit()


class HeldApp(App):
    """An App on such a store."""

    held: HeldClaims

    async def open_store(self) -> Store:
        self.held = HeldClaims(await super().open_store())
        return self.held
