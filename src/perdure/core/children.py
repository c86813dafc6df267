"""How a child run's end reaches its parent: as an event under the child's key, with this record as its payload."""

from __future__ import annotations

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import RunRecord, RunStatus


class ChildOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a child ended; `result` is its encoded value, which nobody but its parent's code reads."""

    run_id: str
    status: RunStatus
    result: msgspec.Raw = msgspec.Raw(b"null")
    failure: Failure | None = None


_decoder = msgspec.json.Decoder(ChildOutcome)


def outcome_payload(run: RunRecord) -> bytes:
    """The event's payload for a run that has ended."""
    return msgspec.json.encode(ChildOutcome(run.run_id, run.status, msgspec.Raw(run.result or b"null"), run.failure))


def child_outcome(payload: bytes) -> ChildOutcome:
    """The record of an event's payload."""
    return _decoder.decode(payload)
