"""Wake-ups: what a run waits for wakes it, nothing else does, and none is lost, whatever comes in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import permutations, product
from typing import NamedTuple

import msgspec

from perdure.core import keys
from perdure.core.operations import OutsideOperation
from perdure.core.records import Lease
from perdure.errors import InboxMoved, QuestionAnswered
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import DIVERGED, keys_of

A, B, Z = keys_of("abz")
CHILD, QUESTION = keys.child("0"), keys.question("q")
CANCEL = "cancel"
LOOK_AND_SUSPEND = (0, 0)


class Case(NamedTuple):
    """What a run waits for, what comes in, and in which order: 0 is a step of the holder, n the n-th that comes."""

    awaited: frozenset[str]
    comes: tuple[str, str]
    order: tuple[int, ...]


def cases() -> Iterator[Case]:
    """Every interleaving of a holder that looks and suspends with two things that come in."""
    awaited = (frozenset({A, B}), frozenset({A, CHILD, QUESTION}))
    orders = sorted({order for order in permutations((*LOOK_AND_SUSPEND, 1, 2)) if order.index(1) < order.index(2)})
    what = (A, Z, CHILD, QUESTION, CANCEL)
    for waits, first, second, order in product(awaited, what, what, orders):
        yield Case(waits, (first, second), order)


class Holder:
    """A holder that waits: it looks at its run, and suspends it where nothing that it waits for has come."""

    def __init__(self, harness: StoreHarness, lease: Lease, awaited: frozenset[str]) -> None:
        self.harness, self.lease, self.awaited = harness, lease, awaited
        self.inbox: int | None = None
        self.has_left = self.goes_on = False

    async def act(self) -> None:
        """Look, or suspend as of the last look."""
        if self.has_left or self.goes_on:
            return
        if self.inbox is None:
            await self._look()
            return
        suspend = self.harness.suspend(*sorted(self.awaited), inbox=self.inbox)
        try:
            await self.harness.store.commit(self.lease, suspend)
        except InboxMoved:
            self.inbox = None
        else:
            self.has_left = True

    async def _look(self) -> None:
        news = await self.harness.store.runs.news(self.lease.run_id, tenant=None, after=0)
        assert news is not None
        self.inbox = news.inbox
        self.goes_on = news.status == "cancelling" or any(event.key in self.awaited for event in news.events)


class WakeUpPromises(Promises):
    """What Emit, Answer, a child's end and a cancel do to a run that waits."""

    async def test_each_key_that_a_run_waits_for_wakes_it(self, harness: StoreHarness) -> None:
        for key in (A, B):
            run_id = f"run {key}"
            await harness.suspended(run_id, "ana", A, B, due_in=3600)
            harness.advance(1)
            await harness.do(harness.emit(run_id, key))
            run = await harness.get(run_id)
            assert (run.status, run.ready_at, run.due_at, run.waiting_for) == ("queued", harness.at, None, ())
            assert (run.inbox, run.worker_id) == (1, None)

    async def test_a_key_that_a_run_does_not_wait_for_leaves_it_as_it_is(self, harness: StoreHarness) -> None:
        await harness.suspended("run", "ana", A, due_in=3600)
        before = await harness.get()
        await harness.do(harness.emit(key=Z))
        run = await harness.get()
        assert (run.status, run.waiting_for, run.due_at) == ("suspended", before.waiting_for, before.due_at)
        assert (run.inbox, run.ready_at) == (1, None)
        assert await harness.claimed("ana") == []
        await harness.do(harness.emit(key=A))
        assert await harness.claimed("ana") == ["run"]

    async def test_a_key_that_came_before_the_wait_does_not_end_it_again(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit(key=A))
        await harness.commit(lease, harness.suspend(A, inbox=1))
        assert not (await harness.do(harness.emit(key=A))).accepted
        run = await harness.get()
        assert (run.status, run.inbox) == ("suspended", 1)

    async def test_an_event_leaves_an_owner_its_run(self, harness: StoreHarness) -> None:
        await harness.suspended("run", "ana", A)
        await harness.do(harness.emit(key=A))
        lease = await harness.lease()
        await harness.do(harness.emit(key=B))
        await harness.commit(lease, harness.step())
        run = await harness.get()
        assert (run.status, run.token, run.worker_id, run.ready_at) == ("running", lease.token, "ana", None)

    async def test_a_parked_run_is_woken_by_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.suspend(parked=DIVERGED))
        await harness.do(harness.emit(key=A))
        assert (await harness.get()).is_parked

    async def test_events_are_read_after_a_seq(self, harness: StoreHarness) -> None:
        await harness.running()
        for key in (A, B, Z):
            await harness.do(harness.emit(key=key))
        news = await harness.store.runs.news("run", tenant=None, after=1)
        assert news is not None
        assert [(event.key, event.seq) for event in news.events] == [(B, 2), (Z, 3)]
        assert (news.inbox, news.status) == (3, "running")
        later = await harness.store.events.list("run", tenant=None, after=2)
        assert [event.key for event in later] == [Z]

    async def test_every_emit_of_a_channel_wakes_a_run_that_waits_for_it(self, harness: StoreHarness) -> None:
        channel = keys.channel("orders")
        lease = await harness.running()
        for inbox in range(3):
            await harness.commit(lease, harness.suspend(channel, inbox=inbox))
            await harness.do(harness.emit(key=channel, payload=b"%d" % inbox, many=True))
            assert await harness.status() == "queued"
            lease = await harness.lease()
        events = await harness.store.events.list("run", tenant=None)
        assert [(event.seq, event.payload) for event in events] == [(1, b"0"), (2, b"1"), (3, b"2")]

    async def test_no_wake_up_is_lost_and_none_is_needless_in_any_interleaving(self, harness: StoreHarness) -> None:
        await harness.worker("ana", lease_for=1e6)
        for number, case in enumerate(cases()):
            run_id = f"run-{number}"
            holder = Holder(harness, await harness.running(run_id), case.awaited)
            if CHILD in case.comes:
                await harness.do(harness.create(f"child of {run_id}", parent_id=run_id))
            if QUESTION in case.comes:
                await harness.commit(holder.lease, harness.ask(f"question of {run_id}", run_id=run_id))
            await self._play(harness, run_id, holder, case)
            run = await harness.get(run_id)
            came = {event.key for event in await harness.store.events.list(run_id, tenant=None)}
            assert run.inbox == len(came) + (CANCEL in case.comes), case
            if CANCEL in case.comes:
                assert run.status in {"cancelled", "cancelling"}, case
            elif holder.has_left:
                is_woken = bool(self._as_awaited(came, run_id) & case.awaited)
                assert run.status == ("queued" if is_woken else "suspended"), case
            else:
                assert (run.status, holder.goes_on) == ("running", True), case
            await self._clear(harness, *((run_id, f"child of {run_id}") if CHILD in case.comes else (run_id,)))

    async def _play(self, harness: StoreHarness, run_id: str, holder: Holder, case: Case) -> None:
        awaited = case.awaited
        holder.awaited = frozenset(self._of_run(key, run_id) for key in awaited)
        for actor in case.order:
            if actor == 0:
                await holder.act()
            else:
                with suppress(QuestionAnswered):  # the question of a run that was cancelled is closed
                    await harness.do(self._coming(harness, run_id, case.comes[actor - 1]))
        for _ in range(2 * len(case.order)):  # whoever was refused looks again
            await holder.act()

    @staticmethod
    def _of_run(key: str, run_id: str) -> str:
        """The key that stands for one of the case, in a run whose child and question have names of their own."""
        if key == QUESTION:
            return keys.question(f"question of {run_id}")
        return keys.child(f"child of {run_id}") if key == CHILD else key

    def _as_awaited(self, came: set[str], run_id: str) -> set[str]:
        return {key for key in (A, B, Z, CHILD, QUESTION) if self._of_run(key, run_id) in came}

    @staticmethod
    def _coming(harness: StoreHarness, run_id: str, key: str) -> OutsideOperation:
        if key == CANCEL:
            return harness.cancel(run_id)
        if key == CHILD:
            return harness.cancel(f"child of {run_id}")
        if key == QUESTION:
            # the same answer twice, as one whose acknowledgement was lost
            answer = harness.answer(f"question of {run_id}")
            return msgspec.structs.replace(answer, answer_id=f"answer of {run_id}")
        return harness.emit(run_id, key)

    @staticmethod
    async def _clear(harness: StoreHarness, *run_ids: str) -> None:
        """Delete a case's run, and its child where it has one."""
        run = await harness.get(run_ids[0])
        if run.worker_id is not None:
            await harness.commit(Lease(None, run.run_id, run.token), harness.finish("cancelled"))
        for run_id in run_ids:
            await harness.do(harness.cancel(run_id))
            await harness.do(harness.cancel_children(run_id))
        for run_id in run_ids:
            await harness.do(harness.delete(run_id))
