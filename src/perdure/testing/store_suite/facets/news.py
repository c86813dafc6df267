"""News: which operation is news of which topic."""

from __future__ import annotations

import pytest

from perdure.core import keys, topics
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.watching import told
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.thread_operations import text


class NewsPromises(Promises):
    """The topics of Store.watch."""

    async def _tells(
        self,
        harness: StoreHarness,
        about: str,
        operation: Value,
        *,
        lease: Lease | None = None,
    ) -> None:
        """Land an operation, and see news of each of the topics."""
        watches = {topic: harness.store.watch(topic) for topic in about.split()}
        await (harness.do(operation) if lease is None else harness.commit(lease, operation))
        for topic, watch in watches.items():
            try:
                await told(watch)
            except TimeoutError:
                pytest.fail(f"{type(operation).__name__} was no news of {topic}")
            watch.close()

    async def test_a_run_that_is_made_and_ends_is_news(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await self._tells(harness, "run:run queue:default", harness.create())
        await self._tells(harness, "run:run", harness.take("run"))
        lease = await harness.lease()
        await self._tells(harness, "stream:run", harness.append(1), lease=lease)
        await self._tells(harness, "stream:run", harness.replace(2), lease=lease)
        await self._tells(harness, "questions", harness.ask(), lease=lease)
        await self._tells(harness, "questions run:run", harness.answer())
        await self._tells(harness, "run:run end:run stream:run queue:default", harness.finish("failed"), lease=lease)
        await self._tells(harness, "run:run queue:default", harness.restart())
        lease = await harness.lease()
        await self._tells(harness, "run:run queue:default", harness.release(), lease=lease)
        await self._tells(harness, "run:run end:run stream:run", harness.cancel())
        await self._tells(harness, "run:run end:run stream:run questions", harness.delete())

    async def test_a_run_that_waits_and_wakes_is_news(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await self._tells(harness, "run:run queue:default", harness.suspend(GO, due_in=60), lease=lease)
        await self._tells(harness, "run:run", harness.emit(key="event:other"))
        await self._tells(harness, "run:run queue:default", harness.emit())
        lease = await harness.lease()
        await self._tells(harness, "run:run", harness.emit(key="event:two"))
        await self._tells(harness, "run:run queue:default", harness.suspend(inbox=3), lease=lease)
        await self._tells(harness, "run:run end:run stream:run", harness.fail())

    async def test_what_others_do_to_a_run_is_news(self, harness: StoreHarness) -> None:
        await harness.suspended("parent", "ana", keys.child("child"))
        await harness.running("child", like=harness.create("child", parent_id="parent"))
        await self._tells(harness, "run:child", harness.cancel("child", within=5))
        harness.advance(5)
        about = "run:child end:child stream:child run:parent queue:default"
        await self._tells(harness, about, harness.seal("child"))
        await harness.running("run")
        await self._tells(harness, "workers", harness.register("bob"))
        harness.advance(3600)
        await self._tells(harness, "workers run:run queue:default", harness.take_over("ana"))
        await harness.worker("eve")
        await harness.lease("run", "eve")
        await self._tells(harness, "workers run:run queue:default", harness.retire("eve"))

    async def test_a_concurrency_key_that_is_given_on_is_news_of_the_next_run(self, harness: StoreHarness) -> None:
        lease = await harness.running(like=harness.create(key="k"))
        await harness.do(harness.create("next", key="k", queue="other"))
        await self._tells(harness, "run:next queue:other", harness.finish(), lease=lease)

    async def test_a_run_that_is_to_be_cleaned_up_is_news_of_its_queue(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.suspend(cleans_up=True))
        await self._tells(harness, "run:run queue:default", harness.cancel())

    async def test_the_end_of_a_run_that_closes_questions_is_news_of_them(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.ask())
        await self._tells(harness, "questions", harness.finish("failed"), lease=lease)
        await self._tells(harness, "questions", harness.restart())

    async def test_what_happens_to_a_thread_is_news(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await self._tells(harness, "thread:thread", harness.create_thread())
        await self._tells(harness, "thread:thread", harness.update_thread(title="t"))
        await self._tells(harness, "thread:thread run:run queue:default", harness.turn_with_reply("run"))
        await self._tells(harness, "thread:thread run:run", harness.take("run"))
        await self._tells(harness, "thread:thread", harness.add_message("n", place=7))
        lease = await harness.lease()
        await self._tells(harness, "thread:thread", harness.put_parts("reply-run", 0, *text("a")), lease=lease)
        await self._tells(harness, "thread:thread", harness.set_message("reply-run", model="m"), lease=lease)
        await self._tells(harness, "thread:thread", harness.thread_event())
        await harness.commit(lease, harness.finish("failed"))
        await self._tells(harness, "thread:thread", harness.restart("run"))  # its message is written again
        await self._tells(harness, "thread:thread run:run end:run stream:run", harness.delete_thread())

    async def test_a_tenants_run_is_news_of_its_own_topics(self, harness: StoreHarness) -> None:
        harness.tenant = "a/b"
        about = f"{topics.run('a/b', 'run')} queue:default"
        await self._tells(harness, about, harness.create())
        assert topics.run("a/b", "run") != topics.run("a", "b/run")
