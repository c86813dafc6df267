"""What is refused before a commit is on its way, the same in every store.

Forgetting the fence is an error and not a write: what needs a lease is not taken without that of its run. And no value
is taken that is over the store's size limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from perdure.core.messages import ToolCallPart, encode_part
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import LeaseLost, TooLarge
from perdure.stores import port

Sizes: TypeAlias = Callable[[Value], Iterator[tuple[str, int]]]

_OF_A_HOLDER = (
    port.PutStep | port.AppendEntries | port.CompactEntries | port.SuspendRun | port.ReleaseRun | port.FinishRun
)


def check(operations: tuple[port.Operation, ...], lease: Lease | None, limit: int) -> None:
    """Raises: LeaseLost where an operation needs the lease of its run, and another one came, or none; TooLarge."""
    for operation in operations:
        if type(operation) is port.PutStep:  # as most are: waved through where nothing is wrong
            result = operation.step.result
            if lease is not None and lease.run_id == operation.run_id and (result is None or len(result) <= limit):
                continue
        _check_fence(operation, lease)
        _check_sizes(operation, limit)


def _check_fence(operation: port.Operation, lease: Lease | None) -> None:
    if isinstance(operation, _OF_A_HOLDER):
        run_id = operation.run_id
    elif isinstance(operation, port.Ask):
        run_id = operation.question.run_id
    else:
        return
    if lease is None or lease.run_id != run_id:
        raise LeaseLost(run_id, lease.token if lease else 0)


def _check_sizes(operation: port.Operation, limit: int) -> None:
    sizes = _SIZES.get(type(operation))
    for field, size in sizes(operation) if sizes else ():
        if size > limit:
            raise TooLarge(field, size, limit)


def _step(operation: port.PutStep) -> Iterator[tuple[str, int]]:
    yield f"result of step {operation.step.name!r}", len(operation.step.result or b"")


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
    port.PutStep: _step,
    port.Emit: _emit,
    port.FinishRun: _finish,
    port.CreateRun: _create,
    port.Answer: _answer,
    port.AppendEntries: _append,
    port.StartTurn: _turn,
    port.AddMessage: _message,
    port.PutParts: _parts,
}
