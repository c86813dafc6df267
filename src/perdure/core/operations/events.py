"""Events: what comes to a run from outside."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.records import EventRecord, StepRecord


class Emit(msgspec.Struct, frozen=True, kw_only=True):
    """Put an event into a run's inbox. For anybody; a holder may emit to another run, or to its own.

    Shape: Emitted; `by` is kept with the event. The first emit per key stays; a later one changes nothing and gets
    the first one back. With `many` the key is a channel's, and each emit stays. An accepted one grows the inbox, and
    its seq is the inbox then. A suspended run that waits for the key is queued: edge `wake`. Any other stays as it
    is; an ended run keeps the event and stays ended. With `step`, of a holder only, the emit is a step of the
    holder's run: its row is written in the same commit, completed, with whether the event was accepted as its result.
    Key: (run, key) and `emit_id`, made once for each call: accepted says that the stored one is this one's. With
    `step` the step's row says it, also when the run with the event was deleted since.
    Raises: RunNotFound; StepFinal where the step's row has another outcome.
    """

    tenant: str | None
    run_id: str
    key: str
    payload: bytes
    at: datetime
    emit_id: str
    by: str | None = None
    many: bool = False
    step: StepRecord | None = None


class Emitted(msgspec.Struct, frozen=True):
    """What Emit gives back: whether this one was accepted, and the one that stays, unless its run was deleted since."""

    accepted: bool
    event: EventRecord | None
