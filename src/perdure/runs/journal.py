"""The replay of one attempt: what was recorded, what the code has asked for, and whether the two agree."""

from __future__ import annotations

from collections.abc import Iterable

from perdure.core.positions import CANCEL_BRANCH, sort_key
from perdure.core.records import StepRecord
from perdure.errors import Divergence, StepInputMismatch
from perdure.runs.failing import in_one_line

WITHOUT_RECORD = {"gather", "derived"}


class Replay:
    """A run's recorded steps by position, and the positions that this attempt has come to."""

    def __init__(self, steps: tuple[StepRecord, ...], *, complete: bool) -> None:
        """Shape: a `complete` journal is that of an ended run: nothing may be added to it."""
        self.recorded = {step.position: step for step in steps}
        self.complete = complete
        self._gathers = {gather for position in self.recorded if "." in position for gather in gathers_above(position)}
        self.seen: dict[str, str] = {}
        self._furthest: dict[str, int] | None = None
        self._by_branch: dict[str, list[str]] | None = None
        self._next_number = max((step.number for step in steps), default=-1) + 1
        self.written: dict[str, StepRecord] = {}
        self._told: dict[str, dict[str, int]] = {}

    def number_of(self, position: str) -> int:
        """As which of the run's steps a position is written: the number that it has, or the next one."""
        record = self.written.get(position) or self.recorded.get(position)
        if record is not None:
            return record.number
        number = self._next_number
        self._next_number = number + 1
        return number

    def now(self) -> tuple[StepRecord, ...]:
        """The records as they are now, with those that this attempt has written."""
        return tuple((self.recorded | self.written).values())

    def visit(self, position: str, name: str, kind: str, fingerprint: str | None) -> StepRecord | None:
        """The record at a position, or None where the code comes here for the first time.

        Raises: Divergence, StepInputMismatch.
        """
        record = self.recorded.get(position)
        if record is None and kind == "gather":
            return None
        self.seen[position] = name
        if record is None:
            if position in self._gathers:
                raise Divergence(position, "a gather or a map", f"{kind} {name!r}")
            if self.complete and kind not in WITHOUT_RECORD:
                raise Divergence(position, "no further step: the run has completed", f"{kind} {name!r}")
            return None
        if record.name != name or record.kind != kind:
            raise Divergence(position, f"{record.kind} {record.name!r}", f"{kind} {name!r}")
        if fingerprint is not None and record.fingerprint is not None and fingerprint != record.fingerprint:
            raise StepInputMismatch(
                position, f"{name!r} with input {record.fingerprint[:12]}", f"input {fingerprint[:12]}"
            )
        return record

    def went_past(self, branch: str, number: int) -> bool:
        """Whether an earlier attempt came to this place of a branch, or further."""
        if self._furthest is None:
            self._furthest = _furthest(self.recorded)
        if number <= self._furthest.get(branch, -1):
            return True
        # the end of a branch is past where the branch above is past the gather that started it
        above, _, _ = branch.rpartition(".")
        outer, _, gather = above.rpartition(".")
        return gather.isdigit() and self.went_past(outer, int(gather) + 1)

    def tell(self, positions: tuple[str, ...], branch: str, number: int) -> None:
        """The code of a branch has come to know that these steps failed; the next position that it takes is `number`.

        A call side by side with a failed one has a position before that; a branch hears of what failed in another one
        at the end of their gather.
        """
        for position in positions:
            self._told.setdefault(position, {}).setdefault(branch, number)

    def settled(self, positions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these failed steps on whose failure the code has acted: what it did then is recorded."""
        furthest = _furthest(self.recorded | self.written)
        return tuple(
            position
            for position in positions
            if any(furthest.get(branch, -1) >= number for branch, number in self._told.get(position, {}).items())
        )

    def ended_early(self, branch: str = "", raised: BaseException | None = None) -> Divergence | None:
        """The divergence where the code of a branch has ended, and the journal has a step of it that it never came to.

        What it raised makes no difference: the same code would have come to that step. It is the divergence's cause.
        """
        missed = [position for position in self._recorded_in(branch) if position not in self.seen]
        if not missed:
            return None
        first = min(missed, key=sort_key)
        record = self.recorded[first]
        what = f"branch {branch}" if branch else "the workflow"
        how = f", which raises {in_one_line(raised)}" if raised is not None else ""
        divergence = Divergence(first, f"{record.kind} {record.name!r}", f"the end of {what}{how}")
        divergence.__cause__ = raised
        return divergence

    def _recorded_in(self, branch: str) -> Iterable[str]:
        """The positions that are recorded in a branch, and in the branches inside of it."""
        if not branch:
            return self.recorded
        if self._by_branch is None:
            self._by_branch = {}
            for position in self.recorded:
                for gather in gathers_above(position) if "." in position else ():
                    number = position[len(gather) + 1 :].partition(".")[0]
                    self._by_branch.setdefault(f"{gather}.{number}", []).append(position)
        return self._by_branch.get(branch, ())

    def both(self) -> dict[str, dict[str, str]]:
        """The two journals, for the error of a run that diverged: position to name."""
        recorded = {position: record.name for position, record in self.recorded.items()}
        return {
            "recorded": dict(sorted(recorded.items(), key=lambda item: sort_key(item[0]))),
            "found": dict(sorted(self.seen.items(), key=lambda item: sort_key(item[0]))),
        }


def gathers_above(position: str) -> list[str]:
    """The positions of the gathers that a step in a branch is inside of: `3` and `3.1.0` for `3.1.0.2.5`."""
    parts = position.split(".")
    first = 2 if parts[0] == CANCEL_BRANCH else 1
    return [".".join(parts[:end]) for end in range(first, len(parts), 2)]


def _furthest(positions: Iterable[str]) -> dict[str, int]:
    """The greatest number in each branch."""
    found: dict[str, int] = {}
    for position in positions:
        parts = position.split(".")
        for end, part in enumerate(parts):
            if part.isdigit():
                branch = ".".join(parts[:end])
                found[branch] = max(found.get(branch, -1), int(part))
    return found
