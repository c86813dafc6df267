"""Client: asks a store about runs and acts on them; does no work itself."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self

from perdure.app.door import Door
from perdure.core.clock import Clock
from perdure.core.given import in_words
from perdure.errors import AlreadyOpen, SettingInvalid, StoreClosed
from perdure.runs.access import Access, Authorize
from perdure.runs.shielding import run_to_its_end
from perdure.runs.workflow import Workflows
from perdure.stores import in_folder, open_store
from perdure.stores.port import Store


class Client(Door):
    """A door to a store: `async with` opens and closes it, and makes it where it is missing and `create` is on."""

    def __init__(
        self,
        url: str,
        workflows: Workflows,
        clock: Clock,
        *,
        create: bool = True,
        authorize: Authorize | None = None,
        folder: str | None = None,
    ) -> None:
        """Shape: a relative path in the URL is one from `folder` on, by default the one that is current now."""
        super().__init__(workflows)
        if authorize is not None and not callable(authorize):
            raise SettingInvalid("authorize", f"a function that says whether somebody may, not {in_words(authorize)}")
        self.url = url
        self.clock = clock
        self._folder = _current_folder() if folder is None else folder
        self._authorize = authorize
        self._create = create
        self._store: Store | None = None
        self._is_open = False
        self._entering = threading.Lock()

    @property
    def store(self) -> Store:
        """The open store. Raises: StoreClosed outside `async with`."""
        if self._store is None:
            raise StoreClosed("open it first: `async with app:`")
        return self._store

    @property
    def access(self) -> Access:
        """The open store, and nobody in particular, for no tenant. Raises: StoreClosed outside `async with`."""
        if self._given is None:
            self._given = Access(store=self.store, clock=self.clock, authorize=self._authorize)
        return self._given

    async def open_store(self) -> Store:
        """Open the store that this door is for; a test may put another one before it."""
        return await open_store(in_folder(self.url, self._folder), clock=self.clock, create=self._create)

    async def __aenter__(self) -> Self:
        """Raises: AlreadyOpen where it is open; who opened it keeps it."""
        with self._entering:
            if self._is_open:
                raise AlreadyOpen(type(self).__name__)
            self._is_open = True
        try:
            self._store = await self.open_store()
        except BaseException:
            self._is_open = False
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        store, self._store, self._given = self._store, None, None
        try:
            if store is not None:
                await run_to_its_end(store.close)
        finally:
            self._is_open = False


def _current_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a text, and light to import
    except FileNotFoundError:  # it was removed: the store says so when it is opened
        return "."
