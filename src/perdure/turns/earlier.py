"""What an attempt in another process had said, found in the run's log."""

from __future__ import annotations

from perdure.core.chunks import Entry
from perdure.core.clock import next_turn
from perdure.core.salvage import OpenLane, open_lanes
from perdure.runs.protocols import RunContext


async def find_earlier(context: RunContext, lane: str, opened: int) -> OpenLane:
    """The plain entries of a lane, from its oldest one on."""
    entries = list[Entry]()
    after = opened - 1
    while True:
        page = await context.read(
            lambda store, after=after: store.streams.read(context.run_id, tenant=context.tenant, after=after)
        )
        entries += [entry for entry in page.entries if entry.lane == lane]
        if not page.entries:
            break
        after = page.entries[-1].seq
        await next_turn()
    return next(iter(open_lanes(entries)), OpenLane(lane))
