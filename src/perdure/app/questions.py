"""The inbox of a person: what runs ask, and the answers."""

from __future__ import annotations

import sys

from perdure.core.given import given_id, given_number, given_text
from perdure.core.ids import check_id, new_id
from perdure.core.operations import Answer
from perdure.core.records import Question
from perdure.core.values import Value, encode
from perdure.errors import InputError, QuestionNotFound
from perdure.runs.access import Access
from perdure.runs.in_doubt import KIND as IN_DOUBT
from perdure.runs.in_doubt import check_value


class Questions:
    """`app.questions`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._store = access.store

    async def list(self, *, run_id: str | None = None, open_only: bool = True, limit: int = 100) -> list[Question]:
        """Questions, the oldest first; those without an answer unless told otherwise."""
        given_id("run_id", run_id)
        given_number("limit", limit)
        await self._access.check("question.list", run_id or "")
        found = await self._store.questions.list(
            tenant=self._access.tenant, run_id=run_id, open_only=open_only, limit=limit
        )
        return _asked_last(found) if open_only else found

    async def resolve(
        self, run_id: str, position: str, choice: str, value: Value = None, *, by: str | None = None
    ) -> Question:
        """Decide on a step in doubt, by its position: `again`, `failed`, or `value` with its value.

        Raises: QuestionNotFound where the step asks nothing; else as `answer`.
        """
        given_text("position", position)
        every = await self.list(run_id=run_id, open_only=False, limit=sys.maxsize)
        asked = [question for question in every if question.kind == IN_DOUBT and question.position == position]
        if not asked:
            raise QuestionNotFound(run_id=run_id, position=position)
        latest = next((question for question in reversed(asked) if question.answered_at is None), asked[-1])
        return await self.answer(latest.question_id, choice, value, by=by)

    async def answer(self, question_id: str, choice: str, value: Value = None, *, by: str | None = None) -> Question:
        """Answer a question with one of its choices; the run goes on, wherever it is executed.

        Shape: the question with its answer; `value` goes with the choice `value`.
        Raises: QuestionNotFound; QuestionAnswered: the first answer stays; InputError for another choice, for a `by`
        that is no id, and for a value that is not of the step's type, where this process has asked the question.
        Elsewhere nobody knows the type: the run is parked when it takes such a value, and asks again after a restart.
        """
        by = None if by is None else check_id("by", by)
        check_id("question_id", question_id)
        question = await self._store.questions.get(question_id, tenant=self._access.tenant)
        if question is None:
            raise QuestionNotFound(question_id)
        if question.choices and choice not in question.choices:
            raise InputError("choice", f"one of {', '.join(question.choices)}, not {choice!r}")
        if question.kind == IN_DOUBT and choice == "value":
            run = await self._store.runs.get(question.run_id, tenant=self._access.tenant)
            if run is not None:
                check_value(run, question_id, value)
        answer = encode({"choice": choice, "value": value}, "answer")
        await self._access.check("question.answer", question_id)
        return await self._store.execute(
            Answer(
                tenant=self._access.tenant,
                question_id=question_id,
                answer=answer,
                answer_id=new_id("answer"),
                by=by or self._access.principal,
                at=self._access.clock.now(),
            )
        )


def _asked_last(questions: list[Question]) -> list[Question]:
    """Without those that a step in doubt has asked again since, after a restart: nobody hears an answer to them."""
    last = {(one.run_id, one.position): one.question_id for one in questions if one.kind == IN_DOUBT}
    return [one for one in questions if one.question_id == last.get((one.run_id, one.position), one.question_id)]
