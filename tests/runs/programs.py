"""Random programs: what they do, and, by a model without tasks or stores, what must come of it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal

import msgspec

Kind = Literal["do", "nap", "hear", "look", "fork", "both", "each", "guard", "bear"]

SIMPLE: tuple[Kind, ...] = ("do", "do", "do", "nap", "hear", "look")
NESTED: tuple[Kind, ...] = ("fork", "both", "each", "guard", "bear")
DEPTH = 3


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a program does.

    Shape: `do` is a step that fails `fails` times, and then succeeds, or fails for good, in a thread where its
    function is a synchronous one; `nap` sleeps; `hear` awaits
    the event `name`; `look` asks for now, uuid and random; `fork` runs its bodies side by side, `both` its steps,
    `each` its body for `count` items; `guard` catches what its body raises; `bear` runs its body as a child.
    """

    kind: Kind
    name: str
    fails: int = 0
    for_good: bool = False
    in_thread: bool = False
    seconds: float = 0.0
    count: int = 0
    limit: int | None = None
    bodies: tuple[tuple[Node, ...], ...] = ()


Program = tuple[Node, ...]


class Failed(Exception):
    """The failure of a step, in the model."""


def generate(seed: int) -> Program:
    """The program of a seed."""
    return _Generator(Random(seed)).body(DEPTH, hears=True)


class _Generator:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._names = 0

    def body(self, depth: int, *, hears: bool) -> Program:
        return tuple(self._node(depth, hears=hears) for _ in range(self._random.randint(1, 3)))

    def _node(self, depth: int, *, hears: bool) -> Node:
        random = self._random
        kind = random.choice(SIMPLE + NESTED if depth else SIMPLE)
        if kind == "hear" and not hears:
            kind = "do"
        self._names += 1
        name = f"{kind}-{self._names}"
        if kind == "do":
            return self._step(name)
        if kind == "nap":
            return Node(kind, name, seconds=random.choice([0.0, 0.05, 0.5, 3.0]))
        if kind == "both":
            steps = tuple(self._step(f"{name}.{number}") for number in range(random.randint(1, 3)))
            return Node(kind, name, bodies=(steps,))
        if kind == "fork":
            bodies = tuple(self.body(depth - 1, hears=hears) for _ in range(random.randint(1, 3)))
            return Node(kind, name, bodies=bodies)
        if kind == "each":
            count, limit = random.randint(0, 3), random.choice([None, 1, 2])
            return Node(kind, name, count=count, limit=limit, bodies=(self.body(depth - 1, hears=False),))
        if kind in {"guard", "bear"}:
            # events of a child would need its id
            return Node(kind, name, bodies=(self.body(depth - 1, hears=hears and kind == "guard"),))
        return Node(kind, name)

    def _step(self, name: str) -> Node:
        fails = self._random.choice([0, 0, 0, 0, 1, 2])
        for_good = fails > 0 and self._random.random() < 0.4
        return Node("do", name, fails=fails, for_good=for_good, in_thread=self._random.random() < 0.15)


def events_of(program: Program) -> Iterator[str]:
    """The keys of the events that a program awaits."""
    for node in program:
        if node.kind == "hear":
            yield node.name
        for body in node.bodies:
            yield from events_of(body)


def expected(program: Program) -> list[object]:
    """What a program comes to. Raises: Failed."""
    return [_value(node) for node in program]


def _value(node: Node) -> object:
    if node.kind == "do":
        if node.for_good:
            raise Failed(node.name)
        return node.name
    if node.kind == "hear":
        return f"heard {node.name}"
    if node.kind == "both":
        return _all([(step,) for step in node.bodies[0]])
    if node.kind == "fork":
        return _all(list(node.bodies))
    if node.kind == "each":
        return _all([node.bodies[0]] * node.count)
    if node.kind == "guard":
        try:
            return expected(node.bodies[0])
        except Failed as error:
            return f"caught {error}"
    return expected(node.bodies[0]) if node.kind == "bear" else None


def _all(bodies: list[Program]) -> list[object]:
    """Every one settles, then the first failure is raised."""
    values, failures = list[object](), list[Failed]()
    for body in bodies:
        try:
            values.append(expected(body))
        except Failed as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return values
