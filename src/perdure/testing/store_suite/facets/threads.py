"""Threads: made once, and nothing left of one that is deleted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.threads import ThreadRecord
from perdure.errors import LeaseLost, ThreadNotFound
from perdure.stores.port import AddMessage, CreateThread, DeleteThread, PutParts, UpdateThread
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.conversing import PARTS
from perdure.testing.store_suite.world import World


async def all_of(world: World, thread_id: str = "thread") -> tuple[object, ...]:
    """All there is of a thread, to be compared."""
    threads, messages = world.store.threads, world.store.messages
    return (
        await threads.get(thread_id),
        await threads.turns(thread_id),
        await threads.events(thread_id),
        await messages.list(thread_id),
    )


class ThreadPromises(Promises):
    """CreateThread, UpdateThread, DeleteThread, and reading threads."""

    async def test_a_thread_comes_back_as_it_was(self, world: World) -> None:
        thread = ThreadRecord(
            thread_id="thread",
            agent="assistant",
            owner="ana",
            title="Wetter",
            metadata={"plan": {"pro": [1]}},
            settings={"temperature": 0.5},
            created_at=world.at,
        )
        assert await world.do(CreateThread(thread=thread)) == thread
        assert await world.store.threads.get("thread") == thread
        assert await world.store.threads.get("nowhere") is None

    async def test_a_thread_is_made_once(self, world: World) -> None:
        await world.thread()
        before = await world.store.threads.get("thread")
        other = ThreadRecord(thread_id="thread", agent="another", title="x", created_at=world.after(1))
        assert await world.do(CreateThread(thread=other)) == before
        assert await world.store.threads.get("thread") == before

    async def test_what_is_not_given_of_a_thread_stays(self, world: World) -> None:
        await world.thread()
        before = await world.store.threads.get("thread")
        assert before is not None
        changes = ({"title": "t"}, {"metadata": {"a": [1]}}, {"settings": {"b": None}})
        for change in changes:
            await world.do(msgspec.convert({"thread_id": "thread", "at": world.at, **change}, UpdateThread))
        expected = msgspec.structs.replace(before, title="t", metadata={"a": [1]}, settings={"b": None})
        assert await world.store.threads.get("thread") == expected
        await world.do(UpdateThread(thread_id="thread", at=world.at, metadata={}))
        assert await world.store.threads.get("thread") == msgspec.structs.replace(expected, metadata={})

    async def test_a_thread_that_is_not_there_is_refused_by_name(self, world: World) -> None:
        for operation in (
            UpdateThread(thread_id="nowhere", at=world.at, title="t"),
            DeleteThread(thread_id="nowhere"),
            world.turn("run", thread_id="nowhere"),
            world.thread_event("nowhere"),
        ):
            error = await world.refused(ThreadNotFound, operation)
            assert isinstance(error, ThreadNotFound)
            assert error.thread_id == "nowhere"
        assert await world.store.runs.get("run") is None

    async def test_a_deleted_thread_leaves_nothing(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("old", "a"))
        await world.end_turn("old")
        await world.do(world.turn("run", "b"))
        await world.worker("ana")
        lease = await world.lease("run", "ana")
        await world.do(world.step(), world.append("run", 1), world.ask(), lease=lease)
        await world.do(world.emit(), world.thread_event())
        await world.do(AddMessage(world.message("c", turn=2, place=5)), PutParts(message_id="c", first=0, parts=PARTS))
        await world.do(DeleteThread(thread_id="thread"))
        assert await all_of(world) == (None, [], [], [])
        assert (await world.everything())[:6] == (None, [], [], [], None, [])
        assert [await world.store.messages.get(name) for name in "abc"] == [None, None, None]
        assert await world.store.questions.get("why") is None
        await world.refused(LeaseLost, world.step(), lease=lease)

    async def test_nothing_of_a_deleted_thread_comes_back(self, world: World) -> None:
        await world.thread()
        await world.do(world.turn("run", "a"), world.thread_event())
        await world.do(DeleteThread(thread_id="thread"))
        await world.thread()
        assert await all_of(world) == (await world.store.threads.get("thread"), [], [], [])
        assert await world.do(world.turn("run", "a")) == 1

    async def test_a_deleted_thread_takes_nothing_of_another_with_it(self, world: World) -> None:
        await world.thread("one")
        await world.thread("two")
        await world.do(world.turn("run-1", "a", thread_id="one"))
        await world.do(world.turn("run-2", "b", thread_id="two"))
        before = await all_of(world, "two"), await world.everything("run-2")
        await world.do(DeleteThread(thread_id="one"))
        after = await all_of(world, "two"), await world.everything("run-2")
        assert after[0] == before[0]
        assert after[1][:5] == before[1][:5]

    async def test_threads_are_listed_the_newest_first(self, world: World) -> None:
        for thread_id, owner in (("a", "ana"), ("c", "ana"), ("b", "ana"), ("d", "bob")):
            if thread_id == "d":
                world.advance(1)
            await world.thread(thread_id, owner=owner, agent=f"agent of {owner}")
        listed = world.store.threads.list
        assert _ids(await listed()) == ["d", "c", "b", "a"]
        assert _ids(await listed(owner="ana")) == ["c", "b", "a"]
        assert _ids(await listed(agent="agent of bob")) == ["d"]
        page = await listed(limit=2)
        assert _ids(page) == ["d", "c"]
        assert _ids(await listed(before=(page[-1].created_at, "c"))) == ["b", "a"]


def _ids(threads: Sequence[ThreadRecord]) -> list[str]:
    return [thread.thread_id for thread in threads]
