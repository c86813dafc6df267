"""Routes: which depots a parcel passes, and what the way costs."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

PRICE_PER_KM = 0.02
BASE_PRICE = 3.5

Roads = Mapping[str, Mapping[str, float]]


class NoRoute(LookupError):
    """Two depots have no way between them."""


def shortest_route(roads: Roads, start: str, goal: str) -> tuple[float, list[str]]:
    """The shortest way by Dijkstra's algorithm: its length in km, and the depots on it."""
    queue: list[tuple[float, list[str]]] = [(0.0, [start])]
    seen: set[str] = set()
    while queue:
        length, path = heapq.heappop(queue)
        depot = path[-1]
        if depot == goal:
            return length, path
        if depot not in seen:
            seen.add(depot)
            for other, distance in roads.get(depot, {}).items():
                heapq.heappush(queue, (length + distance, [*path, other]))
    raise NoRoute(f"from {start} to {goal}")


def shipping_cost(length: float, weight: float) -> float:
    """What a customer pays, in euros: a base price, and more for each km and each kg above two."""
    surcharge = max(0.0, weight - 2.0) * 0.5
    return round(BASE_PRICE + PRICE_PER_KM * length + surcharge, 2)
