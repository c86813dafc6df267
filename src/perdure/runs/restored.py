"""After a restore: which runs will go on, and where what they know ends."""

from __future__ import annotations

import msgspec

from perdure.core.records import RunRecord, StepRecord
from perdure.core.states import FINAL
from perdure.runs.doctor import unfinished
from perdure.stores.port import Store


class OpenEnd(msgspec.Struct, frozen=True):
    """A run that has not ended: how many of its steps have an outcome, and which began without one."""

    run: RunRecord
    ended: int
    in_flight: list[StepRecord]


async def open_ends(store: Store) -> list[OpenEnd]:
    """Every run that has not ended, the newest first. What it did after these steps is not known here."""
    ends = list[OpenEnd]()
    async for run in unfinished(store):
        steps = await store.steps.list(run.run_id, tenant=run.tenant)
        in_flight = [step for step in steps if step.status not in FINAL]
        ends.append(OpenEnd(run, len(steps) - len(in_flight), in_flight))
    return ends
