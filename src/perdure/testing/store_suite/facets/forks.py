"""Forks: a thread whose first turns follow a turn of another, which stays as long as a fork needs it."""

from __future__ import annotations

from perdure.core.records import TOMBSTONE_FOR
from perdure.core.threads import TurnRef
from perdure.errors import Deleted, LeaseLost, ThreadNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.turns import messages, path, taken
from perdure.testing.store_suite.harness import StoreHarness


async def fork_of(harness: StoreHarness, turn: int, *, source: str = "thread", fork: str = "fork") -> None:
    """A fork at a turn of a thread, with a turn of its own."""
    await harness.do(harness.create_thread(fork, root=TurnRef(source, turn)))
    await harness.do(harness.turn(f"run of {fork}", f"m-{fork}", thread_id=fork))
    await harness.end_turn(f"run of {fork}")


class ForkPromises(Promises):
    """CreateThread with a root, and DeleteThread of a thread that forks need."""

    async def test_a_fork_goes_on_from_a_turn_of_its_source(self, harness: StoreHarness) -> None:
        await harness.thread()
        for run_id in ("one", "two", "three"):
            await taken(harness, run_id)
        await harness.do(harness.create_thread("fork", root=TurnRef("thread", 2)))
        assert await messages(harness, "fork") == ["m-one", "m-two"]
        assert (await harness.get_thread("fork")).status == "idle"
        await harness.do(harness.turn("four", "m-four", thread_id="fork"))
        [first, second, third] = await harness.store.threads.path("fork", tenant=None)
        assert [(one.thread_id, one.turn) for one in (first, second, third)] == [
            ("thread", 1),
            ("thread", 2),
            ("fork", 1),
        ]
        assert third.parent == TurnRef("thread", 2)
        assert await messages(harness, "fork") == ["m-one", "m-two", "m-four"]
        assert await messages(harness) == ["m-one", "m-two", "m-three"]
        assert (await harness.get_thread()).forks == 1
        message = await harness.store.messages.get("fork", "m-two", tenant=None)
        assert message is not None
        assert message.thread_id == "thread"
        assert await harness.store.messages.get("fork", "m-three", tenant=None) is None

    async def test_a_fork_of_a_fork_reaches_both(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        await fork_of(harness, 1)
        await fork_of(harness, 1, source="fork", fork="leaf")
        assert await messages(harness, "leaf") == ["m-one", "m-fork", "m-leaf"]

    async def test_a_deleted_source_stays_readable_through_its_forks_only(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        await fork_of(harness, 1)
        before = await harness.store.messages.path("fork", tenant=None)
        await harness.do(harness.delete_thread())
        assert await harness.store.messages.path("fork", tenant=None) == before
        assert [one.turn for one in await harness.store.threads.path("fork", tenant=None)] == [1, 1]
        assert await harness.store.threads.get("thread", tenant=None) is None
        assert [one.thread_id for one in await harness.store.threads.list(tenant=None)] == ["fork"]
        assert await path(harness) == []
        assert await messages(harness) == []
        assert await harness.store.threads.turns("thread", tenant=None) == []
        assert await harness.store.threads.events("thread", tenant=None) == []
        assert await harness.store.messages.get("thread", "m-one", tenant=None) is None
        for operation in (
            harness.turn("new"),
            harness.update_thread(title="t"),
            harness.thread_event(),
            harness.create_thread("another", root=TurnRef("thread", 1)),
        ):
            await harness.refused(ThreadNotFound, operation)

    async def test_a_deleted_source_goes_with_its_last_fork(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        before = await harness.everything()
        await harness.thread()
        await taken(harness, "one")
        await fork_of(harness, 1, fork="first")
        await fork_of(harness, 1, fork="second")
        await fork_of(harness, 1, source="second", fork="leaf")
        await harness.do(harness.delete_thread())
        await harness.do(harness.delete_thread("first"))
        assert await messages(harness, "leaf") == ["m-one", "m-second", "m-leaf"]
        await harness.do(harness.delete_thread("second"))
        assert await messages(harness, "leaf") == ["m-one", "m-second", "m-leaf"]
        await harness.do(harness.delete_thread("leaf"))
        assert await harness.everything() == before

    async def test_a_source_that_outlives_its_forks_is_whole(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        await fork_of(harness, 1)
        await harness.do(harness.delete_thread("fork"))
        assert (await harness.get_thread()).forks == 0
        await harness.do(harness.delete_thread())
        assert await harness.store.runs.list(tenant=None) == []

    async def test_a_turn_that_runs_ends_with_its_hidden_thread(self, harness: StoreHarness) -> None:
        lease = await harness.replying("run", "ana")
        await harness.do(harness.create_thread("fork", root=TurnRef("thread", 1)))
        await harness.do(harness.delete_thread())
        await harness.commit_refused(LeaseLost, lease, harness.step())
        assert await harness.store.runs.get("run", tenant=None) is None
        reply = await harness.store.messages.get("fork", "reply-run", tenant=None)
        assert reply is not None
        assert reply.status == "stopped"

    async def test_the_id_of_a_thread_that_a_fork_needs_is_not_used_again(self, harness: StoreHarness) -> None:
        await harness.thread()
        await taken(harness, "one")
        await fork_of(harness, 1)
        await harness.do(harness.delete_thread())
        harness.jump(TOMBSTONE_FOR.total_seconds() + 1)
        await harness.thread("other")
        await harness.do(harness.delete_thread("other"))  # what is remembered too long is forgotten now
        await harness.refused(Deleted, harness.create_thread())
        assert await messages(harness, "fork") == ["m-one", "m-fork"]
