"""Deciding on a step in doubt by its position."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from perdure.app.questions import Questions
from perdure.core.operations import Ask
from perdure.core.records import Lease
from perdure.errors import InputError, QuestionAnswered, QuestionNotFound
from perdure.runs.access import Access
from perdure.stores import open_store
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness


class Asking:
    """A run that asks."""

    def __init__(self, harness: StoreHarness, lease: Lease) -> None:
        self.questions = Questions(Access(store=harness.store, clock=harness.clock))
        self._harness = harness
        self._lease = lease

    async def ask(self, question_id: str, position: str, kind: str = "in_doubt") -> None:
        question = msgspec.structs.replace(
            self._harness.ask().question,
            question_id=question_id,
            position=position,
            kind=kind,
            choices=("again", "failed", "value"),
        )
        await self._harness.commit(self._lease, Ask(question=question))


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    clock = ManualClock()
    harness = StoreHarness(await open_store("memory:", clock=clock), "memory:", "", open_store, clock)
    yield Asking(harness, await harness.running())
    await harness.store.close()


async def test_a_step_is_resolved_by_its_position(asking: Asking) -> None:
    await asking.ask("other", "1")
    await asking.ask("why", "0")
    answered = await asking.questions.resolve("run", "0", "again", by="ana")
    assert (answered.question_id, answered.answered_by) == ("why", "ana")
    assert [question.question_id for question in await asking.questions.list()] == ["other"]


async def test_a_step_that_asks_nothing_is_refused_with_its_run_and_its_position(asking: Asking) -> None:
    await asking.ask("approval", "0", kind="approval")
    with pytest.raises(QuestionNotFound, match="step 0 of run 'run' asks nothing") as refused:
        await asking.questions.resolve("run", "0", "again")
    assert (refused.value.run_id, refused.value.position, refused.value.question_id) == ("run", "0", "")


async def test_a_question_that_is_not_there_is_refused_with_its_id(asking: Asking) -> None:
    with pytest.raises(QuestionNotFound, match="no question 'nothing'") as refused:
        await asking.questions.answer("nothing", "again")
    assert (refused.value.run_id, refused.value.position, refused.value.question_id) == ("", "", "nothing")


async def test_a_step_whose_question_is_answered_is_refused_as_answered(asking: Asking) -> None:
    await asking.ask("why", "0")
    await asking.questions.resolve("run", "0", "again")
    with pytest.raises(QuestionAnswered) as refused:
        await asking.questions.resolve("run", "0", "failed")
    assert refused.value.question_id == "why"


async def test_a_step_that_is_in_doubt_again_is_resolved_by_its_open_question(asking: Asking) -> None:
    await asking.ask("first", "0")
    await asking.questions.resolve("run", "0", "again")
    await asking.ask("second", "0")
    assert (await asking.questions.resolve("run", "0", "failed")).question_id == "second"
    with pytest.raises(QuestionAnswered) as refused:
        await asking.questions.resolve("run", "0", "failed")
    assert refused.value.question_id == "second", "the latest"


async def test_the_last_of_very_many_questions_is_found(asking: Asking) -> None:
    for number in range(150):
        await asking.ask(f"q{number}", str(number))
    assert (await asking.questions.resolve("run", "149", "again")).question_id == "q149"


async def test_a_choice_that_the_question_does_not_have_is_refused_and_it_stays_open(asking: Asking) -> None:
    await asking.ask("why", "0")
    with pytest.raises(InputError) as refused:
        await asking.questions.resolve("run", "0", "perhaps")
    assert refused.value.field == "choice"
    assert len(await asking.questions.list()) == 1
