"""Questions: asked once, answered once, and the answer comes to the run."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.errors import QuestionAnswered, QuestionNotFound
from perdure.stores.port import Ask
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class QuestionPromises(Promises):
    """Ask, Answer, and reading questions."""

    async def test_a_question_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        question = msgspec.structs.replace(harness.ask().question, position="3.1", prompt="Noch einmal?\n")
        await harness.do(Ask(question=question), lease=lease)
        assert await harness.store.questions.get("why") == question
        assert await harness.store.questions.list() == [question]

    async def test_a_question_is_asked_once(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), lease=lease)
        before = await harness.everything()
        again = msgspec.structs.replace(harness.ask().question, prompt="Another?")
        await harness.do(Ask(question=again), lease=lease)
        assert (await harness.everything())[3] == before[3]

    async def test_an_answered_question_that_is_asked_again_stays_answered(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), lease=lease)
        answered = await harness.do(harness.answer())
        await harness.do(harness.ask(), lease=lease)
        assert await harness.store.questions.get("why") == answered

    async def test_an_answer_comes_to_the_run_as_an_event_and_wakes_it(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), harness.suspend(waiting_for=("question:why",)), lease=lease)
        harness.advance(3600)
        answered = await harness.do(harness.answer(answer=b'"no"', by="eve"))
        assert (answered.answer, answered.answered_by, answered.answered_at) == (b'"no"', "eve", harness.at)
        assert await harness.store.questions.get("why") == answered
        event = await harness.store.events.get("run", "question:why")
        assert event is not None
        assert (event.payload, event.emitted_at, event.by) == (b'"no"', harness.at, "eve")
        run = await harness.get()
        assert (run.status, run.due_at, run.inbox) == ("queued", harness.at, 1)

    async def test_the_first_answer_stays(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), lease=lease)
        await harness.do(harness.answer(answer=b"1", by=None))
        before = await harness.everything()
        error = await harness.refused(QuestionAnswered, harness.answer(answer=b"2"))
        assert isinstance(error, QuestionAnswered)
        assert error.question_id == "why"
        assert await harness.everything() == before

    async def test_of_many_who_answer_one_is_heard(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.ask(), lease=lease)
        answers = [harness.store.commit(harness.answer(answer=b"%d" % number)) for number in range(20)]
        settled = await asyncio.gather(*answers, return_exceptions=True)
        [heard] = [one[0] for one in settled if not isinstance(one, BaseException)]
        event = await harness.store.events.get("run", "question:why")
        assert event is not None
        assert event.payload == heard.answer
        assert [type(one) for one in settled if isinstance(one, BaseException)] == [QuestionAnswered] * 19

    async def test_a_question_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        error = await harness.refused(QuestionNotFound, harness.answer("what"))
        assert isinstance(error, QuestionNotFound)
        assert error.question_id == "what"
        assert await harness.store.questions.get("what") is None

    async def test_questions_are_listed_the_oldest_first(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        for number, lease in enumerate((two, one, two)):
            await harness.do(harness.ask(lease.run_id, f"q{number}"), lease=lease)
            harness.advance(1)
        await harness.do(harness.answer("q1"))

        async def ids(run_id: str | None = None, *, open_only: bool = True, limit: int = 100) -> list[str]:
            found = await harness.store.questions.list(run_id=run_id, open_only=open_only, limit=limit)
            return [question.question_id for question in found]

        assert await ids() == ["q0", "q2"]
        assert await ids(open_only=False) == ["q0", "q1", "q2"]
        assert await ids("one") == []
        assert await ids("one", open_only=False) == ["q1"]
        assert await ids("two", limit=1) == ["q0"]
