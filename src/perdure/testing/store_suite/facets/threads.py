"""Threads: made once, and nothing left of one that is deleted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.threads import ThreadRecord
from perdure.errors import LeaseLost, ThreadNotFound
from perdure.stores.port import AddMessage, CreateThread, DeleteThread, PutParts, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import PARTS


async def all_of(harness: StoreHarness, thread_id: str = "thread") -> tuple[object, ...]:
    """All there is of a thread, to be compared."""
    threads, messages = harness.store.threads, harness.store.messages
    return (
        await threads.get(thread_id),
        await threads.turns(thread_id),
        await threads.events(thread_id),
        await messages.list(thread_id),
    )


class ThreadPromises(Promises):
    """CreateThread, UpdateThread, DeleteThread, and reading threads."""

    async def test_a_thread_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        thread = ThreadRecord(
            thread_id="thread",
            agent="assistant",
            owner="ana",
            title="Wetter",
            metadata={"plan": {"pro": [1]}},
            settings={"temperature": 0.5},
            created_at=harness.at,
        )
        assert await harness.do(CreateThread(thread=thread)) == thread
        assert await harness.store.threads.get("thread") == thread
        assert await harness.store.threads.get("nowhere") is None

    async def test_a_thread_is_made_once(self, harness: StoreHarness) -> None:
        await harness.thread()
        before = await harness.store.threads.get("thread")
        other = ThreadRecord(thread_id="thread", agent="another", title="x", created_at=harness.after(1))
        assert await harness.do(CreateThread(thread=other)) == before
        assert await harness.store.threads.get("thread") == before

    async def test_what_is_not_given_of_a_thread_stays(self, harness: StoreHarness) -> None:
        await harness.thread()
        before = await harness.store.threads.get("thread")
        assert before is not None
        changes = ({"title": "t"}, {"metadata": {"a": [1]}}, {"settings": {"b": None}})
        for change in changes:
            await harness.do(msgspec.convert({"thread_id": "thread", "at": harness.at, **change}, UpdateThread))
        expected = msgspec.structs.replace(before, title="t", metadata={"a": [1]}, settings={"b": None})
        assert await harness.store.threads.get("thread") == expected
        await harness.do(UpdateThread(thread_id="thread", at=harness.at, metadata={}))
        assert await harness.store.threads.get("thread") == msgspec.structs.replace(expected, metadata={})

    async def test_a_thread_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        for operation in (
            UpdateThread(thread_id="nowhere", at=harness.at, title="t"),
            DeleteThread(thread_id="nowhere"),
            harness.turn("run", thread_id="nowhere"),
            harness.thread_event("nowhere"),
        ):
            error = await harness.refused(ThreadNotFound, operation)
            assert isinstance(error, ThreadNotFound)
            assert error.thread_id == "nowhere"
        assert await harness.store.runs.get("run") is None

    async def test_a_deleted_thread_leaves_nothing(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("old", "a"))
        await harness.end_turn("old")
        await harness.do(harness.turn("run", "b"))
        await harness.worker("ana")
        lease = await harness.lease("run", "ana")
        await harness.do(harness.step(), harness.append("run", 1), harness.ask(), lease=lease)
        await harness.do(harness.emit(), harness.thread_event())
        await harness.do(
            AddMessage(harness.message("c", turn=2, place=5)), PutParts(message_id="c", first=0, parts=PARTS)
        )
        await harness.do(DeleteThread(thread_id="thread"))
        assert await all_of(harness) == (None, [], [], [])
        assert (await harness.everything())[:6] == (None, [], [], [], None, [])
        assert [await harness.store.messages.get(name) for name in "abc"] == [None, None, None]
        assert await harness.store.questions.get("why") is None
        await harness.refused(LeaseLost, harness.step(), lease=lease)

    async def test_nothing_of_a_deleted_thread_comes_back(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("run", "a"), harness.thread_event())
        await harness.do(DeleteThread(thread_id="thread"))
        await harness.thread()
        assert await all_of(harness) == (await harness.store.threads.get("thread"), [], [], [])
        assert await harness.do(harness.turn("run", "a")) == 1

    async def test_a_deleted_thread_takes_nothing_of_another_with_it(self, harness: StoreHarness) -> None:
        await harness.thread("one")
        await harness.thread("two")
        await harness.do(harness.turn("run-1", "a", thread_id="one"))
        await harness.do(harness.turn("run-2", "b", thread_id="two"))
        before = await all_of(harness, "two"), await harness.everything("run-2")
        await harness.do(DeleteThread(thread_id="one"))
        after = await all_of(harness, "two"), await harness.everything("run-2")
        assert after[0] == before[0]
        assert after[1][:5] == before[1][:5]

    async def test_threads_are_listed_the_newest_first(self, harness: StoreHarness) -> None:
        for thread_id, owner in (("a", "ana"), ("c", "ana"), ("b", "ana"), ("d", "bob")):
            if thread_id == "d":
                harness.advance(1)
            await harness.thread(thread_id, owner=owner, agent=f"agent of {owner}")
        listed = harness.store.threads.list
        assert _ids(await listed()) == ["d", "c", "b", "a"]
        assert _ids(await listed(owner="ana")) == ["c", "b", "a"]
        assert _ids(await listed(agent="agent of bob")) == ["d"]
        page = await listed(limit=2)
        assert _ids(page) == ["d", "c"]
        assert _ids(await listed(before=(page[-1].created_at, "c"))) == ["b", "a"]


def _ids(threads: Sequence[ThreadRecord]) -> list[str]:
    return [thread.thread_id for thread in threads]
