"""Reading streams in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from perdure.core.states import ENDED
from perdure.errors import RunNotFound
from perdure.stores.memory.reads import head_of, rows_of
from perdure.stores.memory.state import State
from perdure.stores.port import StreamPage


class Streams:
    """Reading streams."""

    def __init__(self, look: Callable[[], State]) -> None:
        self._look = look

    async def read(self, run_id: str, *, tenant: str | None, after: int = 0, limit: int = 500) -> StreamPage:
        state = self._look()
        run = state.runs.get((tenant, run_id))
        if run is None:
            raise RunNotFound(run_id)
        log = rows_of(state, run).log
        return StreamPage(tuple(islice(log.after(after), limit)), head_of(state, run), run.status in ENDED)
