"""`ask`: a person decides on a step in doubt, through the same questions as every approval."""

from __future__ import annotations

from typing import Literal

import msgspec

from perdure.core import keys
from perdure.core.operations import Ask, PutStep
from perdure.core.records import EventRecord, Question
from perdure.runs.attempt import Attempt
from perdure.runs.protocols import StepInfo
from perdure.runs.waits import park_for

KIND = "in_doubt"
CHOICES = ("again", "failed", "value")


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person says of a step in doubt: run it again, count it as failed, or this was its value."""

    choice: Literal["again", "failed", "value"]
    value: msgspec.Raw = msgspec.Raw(b"null")


_decisions = msgspec.json.Decoder(Decision)


def decision_of(event: EventRecord) -> Decision:
    """The decision in an answer."""
    return _decisions.decode(event.payload)


async def ask(attempt: Attempt, step: StepInfo, why: str) -> EventRecord:
    """Ask about this attempt, once, and wait for the answer."""
    question = Question(
        question_id=f"{step.idempotency_key}.{step.attempt}",
        tenant=attempt.run.tenant,
        run_id=step.run_id,
        kind=KIND,
        prompt=f"Step {step.name!r} of {attempt.run.workflow} is in doubt: {why}. Did it happen?",
        choices=CHOICES,
        position=step.position,
        asked_at=attempt.now(),
    )
    key = keys.question(question.question_id)
    answered = attempt.events.get(key)
    if answered is None:
        await attempt.commit(PutStep(step.record("in_doubt")), Ask(question=question))
        answered = await park_for(attempt, step.position, key)
    return answered
