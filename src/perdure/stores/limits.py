"""The size limit of one value, the same in every store, checked before a commit is on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from perdure.core.messages import ToolCallPart, encode_part
from perdure.core.values import Value
from perdure.errors import TooLarge
from perdure.stores import port

Sizes: TypeAlias = Callable[[Value], Iterator[tuple[str, int]]]


def check_sizes(operations: tuple[port.Operation, ...], limit: int) -> None:
    """Raises: TooLarge with the name of the field."""
    for operation in operations:
        if type(operation) is port.PutStep:  # the hot path
            if operation.step.result is not None and len(operation.step.result) > limit:
                raise TooLarge(f"result of step {operation.step.name!r}", len(operation.step.result), limit)
            continue
        sizes = _SIZES.get(type(operation))
        for field, size in sizes(operation) if sizes else ():
            if size > limit:
                raise TooLarge(field, size, limit)


def _emit(operation: port.Emit) -> Iterator[tuple[str, int]]:
    yield f"payload of event {operation.key!r}", len(operation.payload)


def _finish(operation: port.FinishRun) -> Iterator[tuple[str, int]]:
    yield "result of the run", len(operation.result or b"")


def _create(operation: port.CreateRun) -> Iterator[tuple[str, int]]:
    yield "manifest", len(operation.manifest)


def _answer(operation: port.Answer) -> Iterator[tuple[str, int]]:
    yield "answer", len(operation.answer)


def _append(operation: port.AppendEntries) -> Iterator[tuple[str, int]]:
    yield from (("chunk", len(entry.body)) for entry in operation.entries)


def _turn(operation: port.StartTurn) -> Iterator[tuple[str, int]]:
    yield from _create(operation.run)
    for message in operation.messages:
        yield from (("message part", len(encode_part(part))) for part in message.parts)


def _message(operation: port.AddMessage) -> Iterator[tuple[str, int]]:
    yield from (("message part", len(encode_part(part))) for part in operation.message.parts)


def _parts(operation: port.PutParts) -> Iterator[tuple[str, int]]:
    for part in operation.parts:
        field = f"output of tool {part.tool!r}" if isinstance(part, ToolCallPart) else "message part"
        yield field, len(encode_part(part))


_SIZES: dict[type, Sizes] = {
    port.Emit: _emit,
    port.FinishRun: _finish,
    port.CreateRun: _create,
    port.Answer: _answer,
    port.AppendEntries: _append,
    port.StartTurn: _turn,
    port.AddMessage: _message,
    port.PutParts: _parts,
}
