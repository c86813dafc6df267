"""What is refused before a commit is on its way, the same in every store.

A holder's commit has at most one end, which comes last, and no value is taken that is over the store's size limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from perdure.core.chunks import Entry
from perdure.core.messages import MAX_PARTS, Message, ToolCallPart, encode_part
from perdure.core.operations import (
    RUN_ENDS,
    AddMessage,
    AddThreadEvent,
    Answer,
    AppendEntries,
    CreateRun,
    Emit,
    FinishRun,
    HolderOperation,
    Operation,
    OutsideOperation,
    PutParts,
    PutStep,
    ReplaceLane,
    StartTurn,
)
from perdure.core.records import MAX_ENTRIES, MAX_STEPS, StepRecord
from perdure.core.values import Value
from perdure.errors import InputError, TooLarge

Sizes: TypeAlias = Callable[[Value], Iterator[tuple[str, int]]]


def check_commit(operations: tuple[HolderOperation, ...], limit: int) -> None:
    """Raises: InputError for an end that is not last, or too many steps, chunks or parts; TooLarge."""
    for operation in operations:
        if type(operation) is PutStep:  # as most are: nothing else is looked at
            result, number = operation.step.result, operation.step.number
            if (result is None or len(result) <= limit) and 0 <= number <= MAX_STEPS:
                continue
        _check_sizes(operation, limit)
        if isinstance(operation, RUN_ENDS) and operation is not operations[-1]:
            raise InputError("operations", f"{type(operation).__name__} ends the commit; it comes last")


def check_operation(operation: OutsideOperation, limit: int) -> None:
    """Raises: TooLarge; InputError for too many parts, for a step, or for a status event that no run has made."""
    if isinstance(operation, Emit) and operation.step is not None:
        raise InputError("step", f"only the holder of a run writes its steps; {operation.step.position} is one")
    _check_sizes(operation, limit)


def _check_sizes(operation: Operation, limit: int) -> None:
    sizes = _SIZES.get(type(operation))
    for field, size in sizes(operation) if sizes else ():
        if size > limit:
            raise TooLarge(field, size, limit)


def _step(operation: PutStep) -> Iterator[tuple[str, int]]:
    step = operation.step
    yield f"result of step {step.name!r}", len(step.result or b"")
    _check_number(step)


def _check_number(step: StepRecord) -> None:
    if not 0 <= step.number <= MAX_STEPS:
        raise InputError("step.number", f"a run has at most {MAX_STEPS} steps, this one is number {step.number}")


def _emit(operation: Emit) -> Iterator[tuple[str, int]]:
    if operation.step is not None:
        _check_number(operation.step)
        if operation.step.status != "completed":
            raise InputError("step.status", f"an emit completes its step, this one is {operation.step.status}")
    yield f"payload of event {operation.key!r}", len(operation.payload)


def _finish(operation: FinishRun) -> Iterator[tuple[str, int]]:
    yield "result of the run", len(operation.result or b"")


def _create(operation: CreateRun) -> Iterator[tuple[str, int]]:
    yield "manifest", len(operation.manifest)


def _answer(operation: Answer) -> Iterator[tuple[str, int]]:
    yield "answer", len(operation.answer)


def _append(operation: AppendEntries) -> Iterator[tuple[str, int]]:
    for entry in operation.entries:
        _check_seq(entry)
        yield "chunk", len(entry.body)


def _replace(operation: ReplaceLane) -> Iterator[tuple[str, int]]:
    _check_seq(operation.entry)
    yield from ()


def _check_seq(entry: Entry) -> None:
    if entry.seq > MAX_ENTRIES:
        raise InputError("entry.seq", f"a stream has at most {MAX_ENTRIES} chunks, this one is number {entry.seq}")


def _turn(operation: StartTurn) -> Iterator[tuple[str, int]]:
    yield from _create(operation.run)
    for message in operation.messages:
        yield from _of_message(message)


def _message(operation: AddMessage) -> Iterator[tuple[str, int]]:
    yield from _of_message(operation.message)


def _of_message(message: Message) -> Iterator[tuple[str, int]]:
    _check_places(0, len(message.parts))
    yield from (("message part", len(encode_part(part))) for part in message.parts)


def _check_places(first: int, count: int) -> None:
    if first < 0 or first + count > MAX_PARTS:
        raise InputError("parts", f"a message has at most {MAX_PARTS} parts")


def _parts(operation: PutParts) -> Iterator[tuple[str, int]]:
    _check_places(operation.first, len(operation.parts))
    for part in operation.parts:
        field = f"output of tool {part.tool!r}" if isinstance(part, ToolCallPart) else "message part"
        yield field, len(encode_part(part))


def _thread_event(operation: AddThreadEvent) -> Iterator[tuple[str, int]]:
    if operation.kind == "status":
        raise InputError("kind", "a thread's status events are made by its turns")
    yield from ()


_SIZES: dict[type, Sizes] = {
    PutStep: _step,
    Emit: _emit,
    FinishRun: _finish,
    CreateRun: _create,
    Answer: _answer,
    AppendEntries: _append,
    ReplaceLane: _replace,
    StartTurn: _turn,
    AddMessage: _message,
    AddThreadEvent: _thread_event,
    PutParts: _parts,
}
