"""The run's own branch: the workflow's function is called, and what it returns or raises is the run's end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from perdure.core.failures import Failure
from perdure.core.guarding import is_of
from perdure.core.operations import FinishRun
from perdure.core.records import RunStatus
from perdure.core.values import Value, encode
from perdure.errors import ReplayError, StepNotAwaited
from perdure.runs.failing import failure_from, stored
from perdure.runs.fitting import misfit
from perdure.runs.halting import Halt, Unwind
from perdure.runs.interrupts import is_of_signal, is_of_user_code

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from perdure.runs.attempt import Attempt


async def run_main(attempt: Attempt) -> None:
    """Call the workflow's function, and commit what it returns or raises."""
    try:
        await _run(attempt)
    except Unwind:
        return
    except BaseException as error:  # the end itself went wrong: a run without an end and without a worker would hang
        task = attempt.root.task
        is_released = task is not None and task.is_released and is_of(error, asyncio.CancelledError)
        if is_released or not is_of_user_code(error, attempt.root):
            raise
        await _end_anyhow(attempt, error)


async def _run(attempt: Attempt) -> None:
    try:
        value = await _called(attempt)
        if attempt.halt is None:
            _check_awaited(attempt)
    except Unwind:
        return
    except ReplayError as error:
        attempt.diverge(error)
        return
    except BaseException as error:  # whatever user code raises is the workflow's failure
        if not is_of_user_code(error, attempt.root):
            raise
        if not attempt.has_ended_early(raised=error) and attempt.halt is None:
            attempt.error = error
            attempt.host.raised(attempt.run, error)
            failure = failure_from(error)
            settled = attempt.replay.settled(failure.positions)
            await _finish(attempt, "failed", failure=msgspec.structs.replace(failure, settled=settled))
        return
    if not attempt.has_ended_early() and attempt.halt is None:
        await _complete(attempt, value)


def _called(attempt: Attempt) -> Awaitable[Value]:
    """The call of the function. Raises: TypeMismatch where the arguments fit no more."""
    workflow, manifest = attempt.workflow, attempt.manifest
    try:
        args, kwargs = workflow.restored(manifest.input)
    except BaseException as error:  # their classes are the user's
        is_first = attempt.lease.token == 1 and not attempt.replay.recorded
        if is_of_signal(error) or (manifest.unchecked and is_first):  # they have never fitted
            raise
        data = encode(manifest.input, "arguments")
        raise misfit("the start", "arguments", data, workflow.arguments.struct, error) from None
    return workflow.function(attempt.context_of(attempt), *args, **kwargs)


async def _complete(attempt: Attempt, value: Value) -> None:
    result = stored(value, "result", attempt.host.store.abilities.max_value, attempt.workflow.loss)
    if isinstance(result, bytes):
        await _finish(attempt, "completed", result=result)
        return
    attempt.error = result
    attempt.host.raised(attempt.run, result)
    await _finish(attempt, "failed", failure=failure_from(result, "not_storable"))


async def _finish(
    attempt: Attempt, status: RunStatus, *, result: bytes | None = None, failure: Failure | None = None
) -> None:
    attempt.ending = True
    outcome = attempt.outcome or attempt.host.default_outcome
    if failure is not None and outcome is not None:
        outcome = msgspec.structs.replace(outcome, notes=failure.message)
    finish = FinishRun(status=status, at=attempt.now(), result=result, failure=failure, outcome=outcome)
    await attempt.finish(finish)


async def _end_anyhow(attempt: Attempt, error: BaseException) -> None:
    """Fail the run of what went wrong at its end; where that can't be written either, park it: somebody looks at it."""
    failure = failure_from(error)
    failure = msgspec.structs.replace(failure, message=f"its end could not be written: {failure.message}")
    attempt.error = attempt.error or error
    attempt.host.raised(attempt.run, error)
    attempt.ending, attempt.at_end = True, None
    try:
        await attempt.finish(FinishRun(status="failed", at=attempt.now(), failure=failure))
    except Unwind:
        raise
    except Exception:
        attempt.ending = False
        attempt.stop(Halt("diverged", failure.message, failure))


def _check_awaited(attempt: Attempt) -> None:
    forgotten = tuple(f"{call.name!r} ({call.position})" for call in attempt.calls.values())
    if forgotten:
        raise StepNotAwaited(forgotten)
