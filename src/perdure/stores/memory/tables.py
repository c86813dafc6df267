"""Tables whose changes can be taken back: that is all there is to an atomic commit in one process."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import partial
from typing import TypeVar

from perdure.core.values import Value
from perdure.stores.memory.index import Group, Index, Place

K = TypeVar("K")
V = TypeVar("V")


class Undo:
    """How to take back what the commit under way has changed so far."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def remember(self, step: Callable[[], object]) -> None:
        """Take this step too, and before the ones that are known."""
        self._steps.append(step)

    def take_back(self) -> None:
        """Undo everything since `forget`, the latest first."""
        while self._steps:
            self._steps.pop()()

    def forget(self) -> None:
        """What was changed so far stays."""
        self._steps.clear()


class Table(MutableMapping[K, V]):
    """Rows by their keys, each change of which is remembered in `undo`; in the groups of an index, where it has one."""

    __slots__ = ("_index", "_inserted", "_numbers", "_rows", "undo")

    def __init__(self, undo: Undo, places: Callable[[V], Iterable[tuple[Group, Place]]] | None = None) -> None:
        self._rows: dict[K, V] = {}
        self._index: Index[K, V] | None = None if places is None else Index(places)
        self._numbers: dict[K, int] = {}
        self._inserted = 0
        self.undo = undo

    @property
    def index(self) -> Index[K, V]:
        """Where its rows stand."""
        assert self._index is not None  # noqa: S101 - asked of tables that have one
        return self._index

    def group(self, *group: Value) -> Iterator[V]:
        """The rows of a group, in its order."""
        return (self._rows[key] for key in self.index.keys(group))

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __setitem__(self, key: K, row: V) -> None:
        if key in self._rows:
            self.undo.remember(partial(self._put, key, self._rows[key], self._numbers.get(key, 0)))
            number = self._numbers.get(key, 0)
        else:
            self.undo.remember(partial(self._remove, key))
            self._inserted += 1
            number = self._inserted
        self._put(key, row, number)

    def __delitem__(self, key: K) -> None:
        self.undo.remember(partial(self._put, key, self._rows[key], self._numbers.get(key, 0)))
        self._remove(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _put(self, key: K, row: V, number: int) -> None:
        if self._index is not None:
            self._numbers[key] = number
            self._index.move(key, number, self._rows.get(key), row)
        self._rows[key] = row

    def _remove(self, key: K) -> None:
        row = self._rows.pop(key)
        if self._index is not None:
            self._index.move(key, self._numbers.pop(key), row, None)


class Numbered(Table[int, V]):
    """A table by number, in the order of the numbers."""

    __slots__ = ("_order",)

    def __init__(self, undo: Undo, places: Callable[[V], Iterable[tuple[Group, Place]]] | None = None) -> None:
        super().__init__(undo, places)
        self._order: list[int] = []

    @property
    def last(self) -> int:
        """The greatest number, 0 where there is none."""
        return self._order[-1] if self._order else 0

    def after(self, number: int) -> Iterator[V]:
        """The rows of greater numbers."""
        return (self._rows[self._order[place]] for place in range(bisect_right(self._order, number), len(self._order)))

    def between(self, first: int, last: int) -> list[V]:
        """The rows from one number to another, both included."""
        places = slice(bisect_left(self._order, first), bisect_right(self._order, last))
        return [self._rows[number] for number in self._order[places]]

    def backwards(self) -> Iterator[V]:
        """All rows, the greatest number first."""
        return (self._rows[number] for number in reversed(self._order))

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def _put(self, key: int, row: V, number: int) -> None:
        if key not in self._rows:
            insort(self._order, key)
        super()._put(key, row, number)

    def _remove(self, key: int) -> None:
        del self._order[bisect_left(self._order, key)]
        super()._remove(key)
