"""What the log shows of a failure: the frames of the user's code, whatever the exception is."""

from __future__ import annotations

import asyncio
import logging

import pytest

import perdure
from perdure.errors import RunFailed, SettingInvalid, StepFailed
from perdure.runs.tracebacks import traceback_of


class Unanswering(Exception):
    """Asked for anything, it raises."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


async def unanswering() -> None:
    raise Unanswering("what happened")


async def divides() -> float:
    return 1 / 0


async def group() -> None:
    raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])


def shown_by(record: logging.LogRecord) -> str:
    return logging.Formatter("%(message)s").format(record)


async def logged(step: object, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    app = perdure.App("memory:")

    @app.workflow
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("it", step)  # type: ignore[arg-type]

    async with app, asyncio.timeout(20):
        with pytest.raises(RunFailed):
            await (await app.start(flow)).result()
    (record,) = [one for one in caplog.records if "failed" in one.getMessage()]
    return record


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (divides, "ZeroDivisionError: division by zero"),
        (unanswering, "Unanswering: what happened"),
        (group, "ExceptionGroup: several (2 sub-exceptions)"),
    ],
)
async def test_the_log_shows_the_users_frames_and_none_of_ours(
    step: object, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = await logged(step, caplog)
    text = shown_by(record)
    assert line in text
    assert f"in {getattr(step, '__name__', '')}\n" in text
    assert "in flow\n" in text
    assert "/perdure/runs/" not in text
    assert text.count("\n") < 30
    assert "; in step 'it' (0)\n" in text
    assert record.exc_info is not None  # handlers that look at it themselves have all of it
    assert isinstance(record.exc_info[1], StepFailed)


def test_the_frames_of_a_fault_of_perdures_own_stay() -> None:
    with pytest.raises(TypeError) as fault:
        perdure.App("memory:").start()  # type: ignore[call-arg]
    assert "TypeError" in traceback_of(fault.value)
    with pytest.raises(AttributeError) as inside:
        perdure.Agent.__init__(None, "a")  # type: ignore[arg-type]
    assert "/perdure/agents/agent.py" in traceback_of(inside.value)


def test_an_error_that_perdure_tells_the_user_ends_at_the_users_line() -> None:
    with pytest.raises(SettingInvalid) as told:
        perdure.App("memory:", grace=-1)
    text = traceback_of(told.value)
    assert "test_tracebacks.py" in text
    assert "/src/perdure/" not in text
