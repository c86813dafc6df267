"""Random histories: nothing is lost, stuck or left open, whatever was done and in which order."""

from __future__ import annotations

from perdure.core import keys
from perdure.core.messages import ToolCallPart
from perdure.core.records import RunRecord
from perdure.core.states import ENDED, OWNED
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.random_history import RandomHistory

ACTS = 60
MORE_EACH_TIME = ("Claim", "TakeRun", "CancelChildren")
"""What is about whatever there is: a landing after nothing is left of the first one is another one."""


class RandomHistoryPromises(Promises):
    """What holds of all rows together."""

    histories = 8
    """How many random histories are tried."""

    async def test_whatever_is_done_nothing_is_lost_or_stuck_or_left_open(self, harness: StoreHarness) -> None:
        effects = [await self._try(harness, seed) for seed in range(self.histories)]
        assert sum(effects) > self.histories * ACTS // 3, "hardly anything was done"

    async def _try(self, harness: StoreHarness, seed: int) -> int:
        """Play a history. Shape: how many of its operations had an effect."""
        if seed:
            await self._begin_anew(harness)
        history = RandomHistory(harness, seed)
        now = await harness.everything()
        for number in range(ACTS):
            before = now
            await history.act()
            now = await harness.everything()
            what = f"seed {seed}, act {number}, {history.did}"
            if history.was_refused:
                assert now == before, what
            elif not history.did.startswith(MORE_EACH_TIME) and await history.land_again():
                assert await harness.everything() == now, f"landed twice: {what}"
            await self._holds(harness, what)
        return history.effects

    async def _holds(self, harness: StoreHarness, what: str) -> None:
        store = harness.store
        runs = await store.runs.list(tenant=None, limit=1000)
        workers = {worker.worker_id for worker in await store.workers.list()}
        for run in runs:
            _is_consistent(run, workers, what)
            events = {event.key for event in await store.events.list(run.run_id, tenant=None)}
            if run.status == "suspended":
                assert not events & set(run.waiting_for), f"a wake-up of {run.run_id} was lost: {what}"
            if run.status in ENDED:
                await self._is_closed(harness, run, what)
        _keys_are_held_by_one(runs, what)
        _children_go_with_their_parents(runs, what)
        for run in runs:
            await self._parent_is_told(harness, run, what)
        await self._threads_are_as_their_events_say(harness, what)

    @staticmethod
    async def _parent_is_told(harness: StoreHarness, run: RunRecord, what: str) -> None:
        """The end of a child is an event of its parent, where that is there."""
        if run.status not in ENDED or run.parent_id is None:
            return
        if await harness.store.runs.get(run.parent_id, tenant=None) is not None:
            event = await harness.store.events.get(run.parent_id, keys.child(run.run_id, run.life), tenant=None)
            assert event is not None, f"nobody told {run.parent_id} of the end of {run.run_id}: {what}"

    @staticmethod
    async def _is_closed(harness: StoreHarness, run: RunRecord, what: str) -> None:
        """Nothing of a run that has ended is open."""
        questions = await harness.store.questions.list(tenant=None, run_id=run.run_id)
        assert questions == [], f"{run.run_id} has ended, and its question is open: {what}"
        message = await harness.store.messages.of_run(run.run_id, tenant=None)
        if message is not None:
            assert message.status != "streaming", f"the reply of {run.run_id} is not finished: {what}"
            calls = [part.state for part in message.parts if isinstance(part, ToolCallPart)]
            assert "pending" not in calls, f"a call of {run.run_id} is pending: {what}"
        page = await harness.store.streams.read(run.run_id, tenant=None)
        assert page.ended
        if message is not None:
            assert page.entries[-1].body.startswith(b'[{"kind":"finish"'), what

    @staticmethod
    async def _threads_are_as_their_events_say(harness: StoreHarness, what: str) -> None:
        threads = await harness.store.threads.list(tenant=None)
        for thread in threads:
            events = await harness.store.threads.events(thread.thread_id, tenant=None)
            assert [event.seq for event in events] == list(range(1, len(events) + 1)), what
            status = "idle"
            for event in events:
                # a run that is deleted leaves its thread idle, without a word
                assert event.body["from"] in {status, "idle"}, what
                status = event.body["to"]
            is_there = await harness.store.runs.get(thread.run_id or "", tenant=None) is not None
            assert not is_there or thread.status == status, f"{thread.thread_id}: {what}"
            forks = sum(one.root is not None and one.root.thread_id == thread.thread_id for one in threads)
            assert thread.forks >= forks, what
            turns = await harness.store.threads.path(thread.thread_id, tenant=None)
            assert bool(turns) == bool(thread.head or thread.root), what
            assert len(await harness.store.messages.path(thread.thread_id, tenant=None)) == 2 * len(turns), what

    @staticmethod
    async def _begin_anew(harness: StoreHarness) -> None:
        """Delete everything, so that the next history begins with nothing."""
        store = harness.store
        for thread in await store.threads.list(tenant=None):
            await harness.do(harness.delete_thread(thread.thread_id))
        for worker in await store.workers.list():
            await harness.do(harness.retire(worker.worker_id))
        runs = [run.run_id for run in await store.runs.list(tenant=None, limit=1000)]
        for run_id in runs:
            await harness.do(harness.cancel(run_id))
            await harness.do(harness.cancel_children(run_id))
        harness.advance(60)
        for run_id in runs:
            await harness.do(harness.seal(run_id))
            await harness.do(harness.cancel_children(run_id))
        for run_id in runs:
            await harness.do(harness.delete(run_id))
        assert await store.runs.list(tenant=None) == []
        assert await store.threads.list(tenant=None) == []


def _is_consistent(run: RunRecord, workers: set[str], what: str) -> None:
    """A run's columns agree, and somebody or something goes on with it."""
    about = f"{run}: {what}"
    if run.status in ENDED:
        nothing = (run.worker_id, run.claim_id, run.ready_at, run.due_at, run.ticket, run.cancel_until)
        assert nothing == (None,) * 6, about
        assert (run.has_key, run.waiting_for) == (False, ()), about
        assert run.completed_at is not None, about
        return
    assert run.completed_at is None, about
    if run.worker_id is not None:
        assert run.status in OWNED, about
        assert run.worker_id in workers, about
        assert (run.ready_at, run.due_at, run.ticket) == (None, None, None), about
        assert run.key is None or run.has_key or run.status == "cancelling", about
    elif run.status == "queued":
        assert (run.ready_at is None) == (run.ticket is not None), about
        assert not (run.has_key and run.ticket is not None), about
    elif run.status == "cancelling":
        assert run.cleans_up, about
        assert run.ready_at is not None, about
        assert run.cancel_until is not None, about
    else:
        assert run.status == "suspended", about
        assert run.ticket is None, about


def _keys_are_held_by_one(runs: list[RunRecord], what: str) -> None:
    """One run has a key, and where nobody has it nobody waits for it."""
    for key in {run.key for run in runs if run.key is not None}:
        has_key = [run.run_id for run in runs if run.key == key and run.has_key]
        waiting = [run.run_id for run in runs if run.key == key and run.ticket is not None]
        assert len(has_key) <= 1, f"{key!r} is held by {has_key}: {what}"
        assert has_key or not waiting, f"nobody has {key!r}, and {waiting} wait for it: {what}"


def _children_go_with_their_parents(runs: list[RunRecord], what: str) -> None:
    """The children of what was cancelled are cancelled, or will be."""
    cancelled = {run.run_id: run for run in runs if run.status == "cancelled"}
    for child in runs:
        parent = cancelled.get(child.parent_id or "")
        if parent is not None and child.status not in ENDED and child.status != "cancelling":
            is_late = child.created_at >= (parent.completed_at or child.created_at)
            is_restarted = child.life > 0
            assert parent.cancels_children or is_late or is_restarted, f"{child.run_id} goes on: {what}"
