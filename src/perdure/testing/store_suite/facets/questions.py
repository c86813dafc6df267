"""Questions: asked once, answered once, closed by the end of their run, and the answer comes to the run."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core import keys
from perdure.core.operations import Ask
from perdure.errors import QuestionAnswered, QuestionNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class QuestionPromises(Promises):
    """Ask, Answer, and reading questions."""

    async def test_a_question_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        question = msgspec.structs.replace(harness.ask().question, position="3.1", prompt="Noch einmal?\n")
        await harness.commit(lease, Ask(question=question))
        assert await harness.store.questions.get("why", tenant=None) == question
        assert await harness.store.questions.list(tenant=None) == [question]

    async def test_a_question_is_asked_once(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        before = await harness.everything()
        again = msgspec.structs.replace(harness.ask().question, prompt="Another?")
        await harness.commit(lease, Ask(question=again))
        assert await harness.everything() == before

    async def test_an_answered_question_that_is_asked_again_stays_answered(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        answered = await harness.do(harness.answer())
        await harness.commit(lease, harness.ask())
        assert await harness.store.questions.get("why", tenant=None) == answered

    async def test_an_answer_comes_to_the_run_as_an_event_and_wakes_it(self, harness: StoreHarness) -> None:
        key = keys.question("why")
        lease = await harness.running()
        await harness.store.commit(lease, harness.ask(), harness.suspend(key))
        harness.advance(3600)
        answered = await harness.do(harness.answer(answer=b'"no"', by="eve"))
        assert (answered.answer, answered.answered_by, answered.answered_at) == (b'"no"', "eve", harness.at)
        assert await harness.store.questions.get("why", tenant=None) == answered
        event = await harness.store.events.get("run", key, tenant=None)
        assert event is not None
        assert (event.payload, event.emitted_at, event.by, event.seq) == (b'"no"', harness.at, "eve", 1)
        run = await harness.get()
        assert (run.status, run.ready_at, run.inbox) == ("queued", harness.at, 1)

    async def test_the_first_answer_stays(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        first = harness.answer(answer=b"1", by=None)
        answered = await harness.do(first)
        error = await harness.refused(QuestionAnswered, harness.answer(answer=b"2"))
        assert isinstance(error, QuestionAnswered)
        assert error.question_id == "why"
        assert await harness.do(first) == answered

    async def test_of_many_who_answer_one_is_accepted(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        answers = [harness.store.execute(harness.answer(answer=b"%d" % number)) for number in range(20)]
        settled = await asyncio.gather(*answers, return_exceptions=True)
        [accepted] = [one for one in settled if not isinstance(one, BaseException)]
        event = await harness.store.events.get("run", keys.question("why"), tenant=None)
        assert event is not None
        assert event.payload == accepted.answer
        assert [type(one) for one in settled if isinstance(one, BaseException)] == [QuestionAnswered] * 19

    async def test_a_question_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        error = await harness.refused(QuestionNotFound, harness.answer("what"))
        assert isinstance(error, QuestionNotFound)
        assert error.question_id == "what"
        assert await harness.store.questions.get("what", tenant=None) is None

    async def test_every_end_of_a_run_closes_its_questions(self, harness: StoreHarness) -> None:
        """One that completes may have given up waiting for an answer."""
        for end in ("completed", "failed", "cancelled", "seal", "cancel", "fail"):
            lease = await harness.running(end)
            await harness.store.commit(
                lease, harness.ask(f"why {end}", run_id=end), harness.ask(f"what {end}", run_id=end)
            )
            answered = await harness.do(harness.answer(f"what {end}"))
            harness.advance(5)
            if end == "seal":
                await harness.do(harness.cancel(end, within=0))
                await harness.do(harness.seal(end))
            elif end in {"cancel", "fail"}:
                await harness.commit(lease, harness.suspend(inbox=1))
                await harness.do(harness.cancel(end) if end == "cancel" else harness.fail(end))
            else:
                await harness.commit(lease, harness.finish(end))
            closed = await harness.store.questions.get(f"why {end}", tenant=None)
            assert closed is not None
            assert (closed.closed_at, closed.answered_at) == (harness.at, None)
            assert await harness.store.questions.get(f"what {end}", tenant=None) == answered
            await harness.refused(QuestionAnswered, harness.answer(f"why {end}"))
        assert await harness.store.questions.list(tenant=None) == []

    async def test_questions_are_listed_the_oldest_first(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        for number, lease in enumerate((two, one, two)):
            await harness.commit(lease, harness.ask(f"q{number}", run_id=lease.run_id))
            harness.advance(1)
        await harness.do(harness.answer("q1"))

        async def ids(run_id: str | None = None, *, open_only: bool = True, limit: int = 100) -> list[str]:
            found = await harness.store.questions.list(tenant=None, run_id=run_id, open_only=open_only, limit=limit)
            return [question.question_id for question in found]

        assert await ids() == ["q0", "q2"]
        assert await ids(open_only=False) == ["q0", "q1", "q2"]
        assert await ids("one") == []
        assert await ids("one", open_only=False) == ["q1"]
        assert await ids("two", limit=1) == ["q0"]
