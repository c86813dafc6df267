"""A failure as data keeps what its error says: every public field of every error, and nothing that can't be kept."""

from __future__ import annotations

import inspect
import typing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from perdure import errors
from perdure.core.failures import Failure, failure_of, is_expected
from perdure.core.values import Value
from perdure.errors import (
    EventTimeout,
    ForeignTask,
    InputError,
    ModelError,
    ModelUnavailable,
    PerdureError,
    RetryableError,
    StepFailed,
    StepTimedOut,
    TerminalError,
)

EVERY = [kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), PerdureError)]
SAMPLES: dict[object, Value] = {
    str: "some text",
    str | None: "somebody",
    int: 7,
    int | None: 503,
    float | None: 2.5,
    bool: True,
    object: {"said": "so"},
    tuple[str, ...]: ("one", "two"),
    datetime | None: datetime(2026, 1, 1, tzinfo=UTC),
}
ELSEWHERE = {
    "positions": "positions",
    "position": "positions",
    "step": "step",
    "attempts": "attempts",
    "causes": "causes",
}
OF_A_STEP = {"cause_type": "cause_type", "message": "message", "cause_code": "code", "data": "data"} | ELSEWHERE


def example(kind: type[PerdureError]) -> PerdureError:
    """One with a value in each of its fields."""
    if not inspect.isfunction(kind.__init__):
        return kind("it says so")
    hints = typing.get_type_hints(kind.__init__)
    given = dict[str, Value]()
    for name in list(inspect.signature(kind).parameters):
        given[name] = "5" if name == "after" else SAMPLES.get(hints[name])
    if "after" in given:
        given["after"] = 5.0
    return kind(**given)


def stored(failure: Failure) -> Failure:
    """The failure after it was stored."""
    return msgspec.json.decode(msgspec.json.encode(failure), type=Failure)


@pytest.mark.parametrize("kind", EVERY)
def test_every_public_field_of_every_error_is_in_the_stored_failure(kind: type[PerdureError]) -> None:
    error = example(kind)
    failure = stored(failure_of(error))
    places = OF_A_STEP if isinstance(error, StepFailed) else {"positions": "positions"}
    for name, value in vars(error).items():
        if name.startswith("_"):
            continue
        assert value is not None, f"the example has no {name}"
        found: Any = getattr(failure, places[name]) if name in places else failure.data[name]
        expected = msgspec.to_builtins(value)
        if name == "position" and name in places:
            expected = (value,)
        assert msgspec.json.encode(found) == msgspec.json.encode(expected), name


def test_the_fields_of_a_models_error_are_there_by_their_names() -> None:
    error = ModelUnavailable("down", status=503, retry_after=2.5, detail="overloaded \ud83d")
    data = failure_of(error).data
    assert data["status"] == 503
    assert data["retry_after"] == 2.5
    assert data["detail"] == "overloaded \ufffd"


def test_an_error_without_fields_has_no_data() -> None:
    assert failure_of(TerminalError("no")).data is None
    assert failure_of(RetryableError("later")).data is None
    assert failure_of(RetryableError("later", after=5)).data == {"after": 5}


def test_a_field_that_can_not_be_stored_costs_no_other_one() -> None:
    class Odd(TerminalError):
        def __init__(self) -> None:
            super().__init__("odd")
            self.order, self.client, self.large = "7", object(), "x" * 100_000

    assert failure_of(Odd()).data == {"order": "7", "client": None, "large": None}


def test_the_fields_together_are_bounded() -> None:
    class Wide(TerminalError):
        def __init__(self) -> None:
            super().__init__("wide")
            self.one, self.two, self.three = "x" * 40_000, "y" * 40_000, 3

    assert failure_of(Wide()).data == {"one": "x" * 40_000, "two": None, "three": 3}


def test_a_users_own_data_stays_what_it_is() -> None:
    class Mine(TerminalError):
        data = {"order": "7"}  # noqa: RUF012 - as users write it

    class Foreign(Exception):
        def __init__(self) -> None:
            super().__init__("foreign")
            self.data, self.other = {"a": 1}, "not asked for"

    assert failure_of(Mine()).data == {"order": "7"}
    assert failure_of(Foreign()).data == {"a": 1}
    assert failure_of(ValueError("plain")).data is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ModelError("down"), True),
        (InputError("field", "reason"), True),
        (TerminalError("no"), True),
        (EventTimeout("go"), True),
        (StepTimedOut("step", "0", "TimeoutError", "no end"), True),
        (StepFailed("step", "0", "ModelUnavailable", "down", cause_code="model_unavailable"), True),
        (StepFailed("step", "0", "ValueError", "nope"), False),
        (ForeignTask("ctx.step"), False),
        (ValueError("nope"), False),
    ],
)
def test_what_somebody_foresaw_needs_no_traceback(error: Exception, *, expected: bool) -> None:
    assert is_expected(error) is expected


def test_the_cause_of_a_steps_failure_decides_where_it_is_known() -> None:
    failed = StepFailed("step", "0", "ForeignTask", "what", cause_code="foreign_task")
    failed.__cause__ = ForeignTask("what")
    assert not is_expected(failed)
