"""What is derived from a run's seed: it has a position, and no record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from perdure.core.canonical import canonical_hash

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt


class _Derived(NamedTuple):
    """A call that is made from the run's seed."""

    position: str
    name: str
    kind: str = "derived"


def derived_seed(attempt: Attempt, position: str, name: str) -> bytes:
    """The seed of a position, the same on every replay. Raises: Unwind where the journal disagrees."""
    attempt.visit(_Derived(position, name))
    return bytes.fromhex(canonical_hash([attempt.run.seed, position]))
