"""Scans: where a parcel was seen, and the history that they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scan:
    """One sighting of a parcel."""

    sequence: int
    depot: str
    seen_at: float


@dataclass
class HistoryFolder:
    """Folds scans into a history: in order, each once, whatever order they came in."""

    _by_sequence: dict[int, Scan] = field(default_factory=dict[int, Scan])

    def add(self, scan: Scan) -> bool:
        """Take a scan; false for a duplicate."""
        if scan.sequence in self._by_sequence:
            return False
        self._by_sequence[scan.sequence] = scan
        return True

    def gaps(self) -> list[int]:
        """The sequence numbers that are missing before the last one."""
        last = max(self._by_sequence, default=0)
        return [number for number in range(1, last) if number not in self._by_sequence]

    def __iter__(self) -> Iterator[Scan]:
        return iter(sorted(self._by_sequence.values(), key=lambda scan: scan.sequence))


def compact(scans: Iterable[Scan]) -> list[Scan]:
    """Drop a scan that was made at the same depot as the one before it."""
    kept: list[Scan] = []
    for scan in scans:
        if not kept or kept[-1].depot != scan.depot:
            kept.append(scan)
    return kept
