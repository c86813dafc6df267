"""The run's own branch: the workflow's function is called, and what it returns or raises is the run's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from perdure.core.failures import Failure, failure_of
from perdure.core.operations import FinishRun
from perdure.core.records import RunStatus
from perdure.core.values import Value, encode
from perdure.errors import InputError, ReplayError, StepNotAwaited
from perdure.runs.halting import Unwind
from perdure.runs.interrupts import is_of_user_code

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt


async def run_main(attempt: Attempt) -> None:
    """Call the workflow's function, and commit what it returns or raises."""
    try:
        value = await attempt.workflow.call(attempt.context_of(attempt), attempt.manifest.input)
        if attempt.halt is None:
            _check_awaited(attempt)
            attempt.replay.check_end()
    except Unwind:
        return
    except ReplayError as error:
        attempt.diverge(error)
        return
    except BaseException as error:  # whatever user code raises is the workflow's failure
        if not is_of_user_code(error, attempt.root):
            raise
        if attempt.halt is None:
            attempt.error = error
            attempt.host.raised(attempt.run, error)
            failure = failure_of(error)
            settled = attempt.replay.settled(failure.positions)
            await _finish(attempt, "failed", failure=msgspec.structs.replace(failure, settled=settled))
        return
    if attempt.halt is None:
        await _complete(attempt, value)


async def _complete(attempt: Attempt, value: Value) -> None:
    try:
        result = encode(value, "result", attempt.host.store.abilities.max_value)
        if attempt.workflow.loss is not None:
            attempt.workflow.loss.check(value, result, "result")
    except InputError as error:
        attempt.error = error
        attempt.host.raised(attempt.run, error)
        await _finish(attempt, "failed", failure=failure_of(error, "not_storable"))
    else:
        await _finish(attempt, "completed", result=result)


async def _finish(
    attempt: Attempt, status: RunStatus, *, result: bytes | None = None, failure: Failure | None = None
) -> None:
    attempt.ending = True
    outcome = attempt.outcome or attempt.host.default_outcome
    if failure is not None and outcome is not None:
        outcome = msgspec.structs.replace(outcome, notes=failure.message)
    finish = FinishRun(status=status, at=attempt.now(), result=result, failure=failure, outcome=outcome)
    await attempt.finish(finish)


def _check_awaited(attempt: Attempt) -> None:
    forgotten = tuple(f"{call.name!r} ({call.position})" for call in attempt.calls.values())
    if forgotten:
        raise StepNotAwaited(forgotten)
