"""Threads: made once, changed under a version, read back whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perdure.core.operations import CreateThread
from perdure.core.threads import ThreadRecord, TurnRef
from perdure.errors import ThreadChanged, ThreadNotFound, TurnNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class ThreadPromises(Promises):
    """CreateThread, UpdateThread, and reading threads."""

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
        made = await harness.do(CreateThread(thread=thread))
        assert made == msgspec.structs.replace(thread, updated_at=harness.at)
        assert await harness.get_thread() == made
        assert await harness.store.threads.get("nowhere", tenant=None) is None

    async def test_a_thread_is_made_once(self, harness: StoreHarness) -> None:
        await harness.thread()
        before = await harness.everything()
        other = ThreadRecord(thread_id="thread", agent="another", title="x", created_at=harness.after(1))
        assert await harness.do(CreateThread(thread=other)) == await harness.get_thread()
        assert await harness.everything() == before

    async def test_what_is_not_given_of_a_thread_stays(self, harness: StoreHarness) -> None:
        await harness.thread()
        before = await harness.get_thread()
        harness.advance(1)
        changed = await harness.do(harness.update_thread(title="t"))
        await harness.do(harness.update_thread(metadata={"a": [1]}))
        await harness.do(harness.update_thread(settings={"b": None}))
        expected = msgspec.structs.replace(
            before, title="t", metadata={"a": [1]}, settings={"b": None}, version=3, updated_at=harness.at
        )
        assert await harness.get_thread() == expected
        assert (changed.title, changed.version) == ("t", 1)
        await harness.do(harness.update_thread(metadata={}))
        assert await harness.get_thread() == msgspec.structs.replace(expected, metadata={}, version=4)

    async def test_a_change_of_a_thread_that_has_changed_since_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.update_thread(title="one", version=0))
        error = await harness.refused(ThreadChanged, harness.update_thread(title="two", version=0))
        assert isinstance(error, ThreadChanged)
        assert (error.thread_id, error.seen, error.found) == ("thread", 0, 1)
        await harness.do(harness.update_thread(title="two", version=1))
        assert (await harness.get_thread()).title == "two"

    async def test_a_turn_changes_the_version_of_its_thread(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn("run"))
        await harness.refused(ThreadChanged, harness.update_thread(title="two", version=0))

    async def test_a_thread_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        for operation in (
            harness.update_thread("nowhere", title="t"),
            harness.delete_thread("nowhere"),
            harness.turn("run", thread_id="nowhere"),
            harness.thread_event("nowhere"),
            harness.create_thread("fork", root=TurnRef("nowhere", 1)),
        ):
            error = await harness.refused(ThreadNotFound, operation)
            assert isinstance(error, ThreadNotFound)
            assert error.thread_id == "nowhere"

    async def test_a_fork_of_a_turn_that_is_not_there_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        error = await harness.refused(TurnNotFound, harness.create_thread("fork", root=TurnRef("thread", 7)))
        assert isinstance(error, TurnNotFound)
        assert (error.thread_id, error.turn) == ("thread", 7)

    async def test_threads_are_listed_the_newest_first(self, harness: StoreHarness) -> None:
        for thread_id, owner in (("a", "ana"), ("c", "ana"), ("b", "ana"), ("d", "bob")):
            if thread_id == "d":
                harness.advance(1)
            await harness.thread(thread_id, owner=owner, agent=f"agent of {owner}")
        listed = harness.store.threads.list
        assert _ids(await listed(tenant=None)) == ["d", "c", "b", "a"]
        assert _ids(await listed(tenant=None, owner="ana")) == ["c", "b", "a"]
        assert _ids(await listed(tenant=None, agent="agent of bob")) == ["d"]
        page = await listed(tenant=None, limit=2)
        assert _ids(page) == ["d", "c"]
        assert _ids(await listed(tenant=None, before=(page[-1].created_at, "c"))) == ["b", "a"]


def _ids(threads: Sequence[ThreadRecord]) -> list[str]:
    return [thread.thread_id for thread in threads]
