"""`ask`: a person decides on a step in doubt, through the same questions as every approval.

The value that somebody gives has to be of the type that the step's code has for it. The process that asks knows this
type, and checks what is given there; a value that is given elsewhere is checked when the step takes it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import msgspec

from perdure.core import keys
from perdure.core.failures import class_name
from perdure.core.guarding import is_of
from perdure.core.operations import Ask, PutStep
from perdure.core.records import EventRecord, Question, RunRecord
from perdure.core.values import Decoder, Value, decode_by, encode
from perdure.errors import InputError
from perdure.runs.attempt import Attempt
from perdure.runs.interrupts import is_of_signal
from perdure.runs.protocols import StepInfo
from perdure.runs.waits import park_for

KIND = "in_doubt"
CHOICES = ("again", "failed", "value")
KNOWN = 10_000
DECIDED = "decided"
"""Among the data of a failure: a person has decided on it; with these words, or none."""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person says of a step in doubt: run it again, count it as failed, or this was its value."""

    choice: Literal["again", "failed", "value"]
    value: msgspec.Raw = msgspec.Raw(b"null")


types_asked: OrderedDict[tuple[str, str], Decoder] = OrderedDict()
"""By a run's seed and a question's id; the newest of this process."""
_decisions = msgspec.json.Decoder(Decision)


def decision_of(event: EventRecord) -> Decision:
    """The decision in an answer."""
    return _decisions.decode(event.payload)


def said_with(decision: Decision) -> str:
    """The words that somebody gave with a decision, empty where there are none."""
    given = msgspec.json.decode(decision.value)
    return given if isinstance(given, str) else ""


def check_value(run: RunRecord, question_id: str, value: Value) -> None:
    """Raises: InputError where a value is not of the type that the step has, as far as this process knows that."""
    how = types_asked.get((run.seed, question_id))
    if how is None:
        return
    try:
        decode_by(encode(value, "value"), how, "value")
    except InputError:
        raise
    except BaseException as error:  # what the step returns may be a class of the user's
        if is_of_signal(error):
            raise
        reason = str(error) if is_of(error, Exception) else f"its class raised {class_name(error)}"
        raise InputError("value", reason) from None


async def ask(attempt: Attempt, step: StepInfo, why: str, how: Decoder) -> EventRecord:
    """Ask about this attempt, once in each life of its run, and wait for the answer; `how` its value is decoded."""
    life = attempt.run.life
    given = f", called with {step.arguments}," if step.arguments else ""
    question = Question(
        question_id=f"{step.idempotency_key}.{step.attempt}" + (f"#{life + 1}" if life else ""),
        tenant=attempt.run.tenant,
        run_id=step.run_id,
        kind=KIND,
        prompt=f"Step {step.name!r} of {attempt.run.workflow}{given} is in doubt: {why}. Did it happen?",
        choices=CHOICES,
        position=step.position,
        asked_at=attempt.now(),
    )
    key = keys.question(question.question_id)
    answered = attempt.events.get(key)
    if answered is None:
        types_asked[attempt.run.seed, question.question_id] = how
        while len(types_asked) > KNOWN:
            types_asked.popitem(last=False)
        await attempt.commit(PutStep(step.record("in_doubt")), Ask(question=question))
        answered = await park_for(attempt, step.position, key)
    return answered
