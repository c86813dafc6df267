"""Commits on their way from the loop to the thread of the writer, and back."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from perdure.core.values import Value
from perdure.stores.shielded import Shielded
from perdure.stores.sqlite.decider import Request
from perdure.stores.sqlite.group import Settled


class Item(msgspec.Struct, frozen=True, gc=False):
    """A commit on its way."""

    request: Request
    future: Shielded[Value]


class Handed:
    """Commits for the thread, none to let it look at the rest of its work; `settled` when it has done that."""

    __slots__ = ("is_taken", "items", "settled")

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.is_taken = False
        self.settled: Settled | None = None


def deliver(items: Iterable[Item], settled: Settled) -> None:
    """Tell whoever waits; one that was told before is left as it is."""
    for item, outcome in zip(items, settled.outcomes, strict=True):
        if item.future.done():
            continue
        if isinstance(outcome, Exception):
            item.future.set_exception(outcome)
        else:
            item.future.set_result(outcome)


def share_out(taken: list[Handed], settled: Settled) -> None:
    """Each has its own outcomes of a group, and the first the news."""
    outcomes, news = iter(settled.outcomes), settled
    for handed in taken:
        own = list(islice(outcomes, len(handed.items)))
        handed.settled = msgspec.structs.replace(news, outcomes=own)
        news = Settled([], frozenset())
