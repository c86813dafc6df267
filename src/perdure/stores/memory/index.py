"""Where rows stand: in groups, each in an order of its own, so that no read walks a whole table."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from heapq import merge
from typing import Generic, TypeAlias, TypeVar

from perdure.core.values import Value

K = TypeVar("K")
V = TypeVar("V")

Group: TypeAlias = tuple[Hashable, ...]
Place: TypeAlias = tuple[Value, ...]
_LAST = float("inf")
Entry: TypeAlias = tuple[Place, int, Value]
"""Where a row stands in a group, as which of its table's rows it was inserted, and its key."""


class Index(Generic[K, V]):
    """The keys of a table's rows, in the groups that `places` says, by place; those of one place as they were inserted.

    Shape: a group begins with what it is for, such as `("children", parent)`.
    """

    def __init__(self, places: Callable[[V], Iterable[tuple[Group, Place]]]) -> None:
        self._places = places
        self._groups: dict[Hashable, dict[Group, list[Entry]]] = {}

    def move(self, key: K, number: int, before: V | None, after: V | None) -> None:
        """A row has changed; None where it was not there, or is not any more."""
        old = {} if before is None else dict(self._places(before))
        new = {} if after is None else dict(self._places(after))
        for group, place in old.items():
            if new.get(group) != place:
                self._remove(group, (place, number, key))
        for group, place in new.items():
            if old.get(group) != place:
                insort(self._groups.setdefault(group[0], {}).setdefault(group, []), (place, number, key))

    def entries(self, group: Group, *, above: Place | None = None, up_to: Place | None = None) -> Iterator[Entry]:
        """A group in its order; what stands past a place, and up to one, where they are given."""
        entries = self._group(group)
        first = 0 if above is None else bisect_left(entries, (above, _LAST))
        last = len(entries) if up_to is None else bisect_left(entries, (up_to, _LAST))
        for number in range(first, last):
            yield entries[number]

    def keys(self, group: Group) -> Iterator[K]:
        """The keys of a group, in its order."""
        return (key for _, _, key in self.entries(group))

    def backwards(self, groups: Iterable[Group], *, below: Place | None = None) -> Iterator[K]:
        """The keys of several groups together, the last first; those before a place, where one is given."""
        for _, _, key in merge(*[self._backwards(group, below) for group in groups], reverse=True):
            yield key

    def sizes(self, purpose: str) -> Iterator[tuple[Group, int]]:
        """Each group that is for something, with how many rows stand in it."""
        return ((group, len(entries)) for group, entries in self._groups.get(purpose, {}).items())

    def count(self, group: Group) -> int:
        """How many rows stand in a group."""
        return len(self._group(group))

    def _backwards(self, group: Group, below: Place | None) -> Iterator[Entry]:
        entries = self._group(group)
        last = len(entries) if below is None else bisect_left(entries, (below,))
        for number in range(last - 1, -1, -1):
            yield entries[number]

    def _group(self, group: Group) -> list[Entry]:
        return self._groups.get(group[0], {}).get(group, [])

    def _remove(self, group: Group, entry: Entry) -> None:
        entries = self._groups[group[0]][group]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._groups[group[0]][group]
