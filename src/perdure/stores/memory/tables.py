"""Tables whose changes can be taken back: that is all there is to an atomic commit in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import TypeVar

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
    """A dict in the order of its insertions, each change of which is remembered in `undo`."""

    __slots__ = ("_rows", "undo")

    def __init__(self, undo: Undo) -> None:
        self._rows: dict[K, V] = {}
        self.undo = undo

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __setitem__(self, key: K, row: V) -> None:
        if key in self._rows:
            self.undo.remember(partial(self._rows.__setitem__, key, self._rows[key]))
        else:
            self.undo.remember(partial(self._rows.__delitem__, key))
        self._rows[key] = row

    def __delitem__(self, key: K) -> None:
        self.undo.remember(partial(self._rows.__setitem__, key, self._rows.pop(key)))

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __reversed__(self) -> Iterator[K]:
        return reversed(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
