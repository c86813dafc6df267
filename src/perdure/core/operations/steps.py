"""Steps: a row each, written once or twice, final once it has an outcome."""

from __future__ import annotations

import msgspec

from perdure.core.records import StepRecord


class PutStep(msgspec.Struct, frozen=True, gc=False):
    """Write a step's row as it is now. A holder's.

    Shape: the step's `number` is given by the holder, which knows the journal: a new position gets the next one. A
    row only moves forward: by attempt, and within one by phase (`core.states.phase_of`); what comes late changes
    nothing. A step that ends is progress: what deaths said of the run is forgotten. `inbox`, where it is given, is what
    the attempt last read: a wait does not time out while something has come in that it has not seen.
    Key: the position, with (attempt, phase).
    Raises: StepFinal where the row has another outcome: a committed one never changes; InboxMoved.
    """

    step: StepRecord
    inbox: int | None = None
