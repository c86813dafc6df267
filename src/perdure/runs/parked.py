"""Parked runs: each worker process tries each of them once, with the code that it has.

They are claimed like others, so a queue's limit and a trial hold for them too. A worker that found nothing else to
claim reads one page of them, then the next; when it has seen all, it reads no more until there is news of its queues.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from perdure.core.records import RunRecord

if TYPE_CHECKING:
    from perdure.runs.lease_holder import LeaseHolder

LOOK_EVERY = 5.0
"""Units: seconds from the last page to the first one of the next look."""
NEXT_PAGE_AFTER = 0.1
"""Units: seconds."""
CLOSE_ENOUGH = 0.001
"""Units: seconds; a timer may be early by less than that."""
PAGE = 100


class Parked:
    """Which parked runs this worker has tried, and how far it has looked for others."""

    def __init__(self, holder: LeaseHolder) -> None:
        self._holder = holder
        self._tried: set[tuple[str | None, str]] = set()
        self._after: tuple[datetime, str, str] | None = None
        self._look_at = float("-inf")
        self.look_in: float | None = None

    def note(self, run: RunRecord) -> None:
        """This process has parked it: its code does not agree."""
        self._tried.add((run.tenant, run.run_id))

    async def untried(
        self, queues: tuple[str, ...], workflows: tuple[str, ...], limit: int
    ) -> tuple[tuple[str | None, str], ...]:
        """Tenant and id of runs that were not tried here; none where it is too early for the next page.

        Effect: `look_in` is in how many seconds to ask again, None where only news can bring more.
        Raises: StoreUnavailable.
        """
        now = self._holder.clock.elapsed()
        self.look_in = self._look_at - now
        if self.look_in > CLOSE_ENOUGH:
            return ()
        page = await self._holder.store.runs.parked(queues, workflows, after=self._after, limit=PAGE)
        found = list[RunRecord]()
        for run in page:
            if (run.tenant, run.run_id) not in self._tried:
                found.append(run)
            if len(found) == limit:
                break
        last = found[-1] if len(found) == limit else page[-1] if len(page) == PAGE else None
        self._after = (last.created_at, last.run_id, last.tenant or "") if last is not None else None
        self.look_in = NEXT_PAGE_AFTER if last is not None else None
        self._look_at = now + (NEXT_PAGE_AFTER if last is not None else LOOK_EVERY)
        return tuple((run.tenant, run.run_id) for run in found)
