"""Landing twice: whatever landed and lands again, at once or later, changes nothing, and answers as the first time."""

from __future__ import annotations

from typing import NamedTuple

from perdure.core import keys
from perdure.core.operations import (
    AppendEntries,
    Claim,
    CommitResult,
    Emitted,
    HolderOperation,
    OutsideOperation,
    RenewWorker,
    TakeOver,
    TakeRun,
)
from perdure.core.records import Lease
from perdure.core.threads import TurnRef
from perdure.core.values import Value
from perdure.errors import LeaseLost, PerdureError
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.thread_operations import text


class Landing(NamedTuple):
    """What has landed, with what it answered the first time."""

    lease: Lease | None
    operations: tuple[Value, ...]
    answer: Value

    @property
    def name(self) -> str:
        """What it was."""
        return " + ".join(type(operation).__name__ for operation in self.operations)


class History:
    """A history that is written operation by operation; after each, everything before it lands again."""

    def __init__(self, harness: StoreHarness) -> None:
        self.harness = harness
        self.landings: list[Landing] = []

    async def do(self, operation: OutsideOperation) -> Value:
        """Land an outside operation, again at once and a third time, then everything before it."""
        answer = await self.harness.do(operation)
        await self._again(Landing(None, (operation,), answer))
        return answer

    async def commit(self, lease: Lease, *operations: HolderOperation) -> CommitResult:
        """Land a holder's commit, again at once and a third time, then everything before it."""
        answer = await self.harness.store.commit(lease, *operations)
        await self._again(Landing(lease, operations, answer))
        return answer

    async def _again(self, landing: Landing) -> None:
        before = await self.harness.everything()
        for _ in range(2):
            answer = await self._land(landing)
            # which runs a takeover took is a hint: whoever lands it again looks for itself
            assert answer == landing.answer or isinstance(landing.operations[0], TakeOver), landing.name
            assert await self.harness.everything() == before, f"{landing.name} landed at once, again"
        self.landings.append(landing)
        for earlier in self.landings:
            if await self._has_left(earlier):
                continue
            try:
                answer = await self._land(earlier)
            except PerdureError:
                continue  # it says that it can't be told, or that what it was about is gone
            self._is_true(earlier, answer)
            now = await self.harness.everything()
            assert now == before, f"{earlier.name} landed again after {landing.name}"

    async def _has_left(self, landing: Landing) -> bool:
        """Whether it is a claim of which nothing is left: a landing would be a new one."""
        if not isinstance(landing.operations[0], Claim | TakeRun):
            return False
        claimed: Value = landing.answer if isinstance(landing.operations[0], Claim) else (landing.answer,)
        runs = [await self.harness.store.runs.get(one.run.run_id, tenant=one.run.tenant) for one in claimed]
        return all(run is None or run.claim_id != landing.operations[0].claim_id for run in runs)

    async def _land(self, landing: Landing) -> Value:
        if landing.lease is not None:
            return await self.harness.store.commit(landing.lease, *landing.operations)
        return await self.harness.store.execute(landing.operations[0])

    @staticmethod
    def _is_true(landing: Landing, answer: Value) -> None:
        """What was accepted, stays accepted; what is given back is still about the same thing."""
        first, again = landing.answer, answer
        if landing.lease is None:
            first, again = (first,), (again,)
        for one, other in zip(first, again, strict=True):
            assert type(one) is type(other), landing.name
            if isinstance(one, Emitted):
                # the event may have been deleted since, with its run
                assert (other.accepted, other.event or one.event) == (one.accepted, one.event), landing.name


class LandingTwicePromises(Promises):
    """The law that landing a commit twice is landing it once, for every operation."""

    async def test_the_life_of_a_run_may_land_again_at_any_time(self, harness: StoreHarness) -> None:
        history = History(harness)
        await history.do(harness.register("ana"))
        await history.do(harness.create("run"))
        await history.do(harness.emit("run", "event:early"))
        lease = Lease(None, "run", (await history.do(harness.claim("ana", limit=1)))[0].run.token)
        await history.commit(lease, harness.step("0", "running"))
        await history.commit(lease, harness.step("0"), harness.append(1), harness.usage())
        await history.commit(lease, harness.append(2), harness.create("child", parent_id="run"))
        await history.commit(lease, harness.replace(3), harness.ask(), harness.emit("child"))
        for number in ("3", "4"):  # the second is not accepted
            await history.commit(lease, harness.emit("child", "event:a", step=harness.step(number).step))
        await history.commit(lease, harness.note_cleanups(), harness.suspend(keys.question("why"), inbox=1))
        await history.do(harness.answer())
        channel = keys.channel("c")
        for _ in range(2):
            await history.do(harness.emit("run", channel, many=True))
        lease = Lease(None, "run", (await history.do(harness.take("run"))).run.token)
        await history.commit(lease, harness.step("1", "running"))
        await history.commit(lease, harness.step("1", "in_doubt"))
        await history.commit(lease, harness.step("1", attempts=2), harness.release())
        lease = Lease(None, "run", (await history.do(harness.take("run"))).run.token)
        await history.commit(lease, harness.step("2", "failed"), harness.finish("failed"))
        await history.do(harness.restart("run", life=1, reopen=("2",)))
        await history.do(harness.register("bob"))
        lease = Lease(None, "run", (await history.do(harness.take("run", "bob"))).run.token)
        await history.do(harness.cancel("run", life=1, within=5))
        await history.do(harness.cancel_children("run"))
        harness.advance(5)
        await history.do(harness.seal("run"))
        await history.do(harness.delete("child"))
        await history.do(harness.retire("bob"))

    async def test_what_becomes_of_workers_may_land_again_at_any_time(self, harness: StoreHarness) -> None:
        history = History(harness)
        await history.do(harness.register("ana"))
        await history.do(harness.register("bob"))
        for run_id in ("one", "two"):
            await history.do(harness.create(run_id))
            await history.do(harness.take(run_id, "ana"))
        renewals: list[RenewWorker] = [harness.renew("ana", executing=["one"]) for _ in range(2)]
        for renewal in renewals:
            await history.do(renewal)
        harness.advance(3600)
        await history.do(harness.take_over("ana"))
        await history.do(harness.register("ana"))
        await history.do(harness.take("one", "ana"))
        await history.do(harness.retire("bob"))
        await history.do(harness.retire("ana"))

    async def test_the_life_of_a_thread_may_land_again_at_any_time(self, harness: StoreHarness) -> None:
        history = History(harness)
        await history.do(harness.register("ana"))
        await history.do(harness.create_thread())
        await history.do(harness.update_thread(title="t", version=0))
        await history.do(harness.turn_with_reply("run", key="k"))
        await history.do(harness.thread_event())
        await history.do(harness.add_message("note", turn=1, place=7, client_id="c"))
        lease = Lease(None, "run", (await history.do(harness.take("run"))).run.token)
        await history.commit(
            lease,
            harness.step("0"),
            harness.put_parts("reply-run", 0, *text("a", "b")),
            harness.set_message("reply-run", model="m"),
            harness.usage(),
        )
        await history.commit(
            lease, harness.step("1"), harness.put_parts("reply-run", 1, *text("c")), harness.usage("1")
        )
        await history.commit(lease, harness.add_message("more", place=9, run_id="run"))
        done = harness.set_message("reply-run", status="complete", finish_reason="stop")
        await history.commit(lease, done, harness.finish())
        await history.do(harness.create_thread("fork", root=TurnRef("thread", 1)))
        await history.do(harness.turn("sibling", "other", after=0, head=1))
        await history.do(harness.cancel("sibling", life=0))
        await history.do(harness.delete_thread())
        await history.do(harness.delete_thread("fork"))

    async def test_an_end_without_an_owner_may_land_again_at_any_time(self, harness: StoreHarness) -> None:
        history = History(harness)
        await history.do(harness.register("ana"))
        await history.do(harness.create("parked", key="k"))
        await history.do(harness.create("next", key="k"))
        lease = Lease(None, "parked", (await history.do(harness.take("parked"))).run.token)
        await history.commit(lease, harness.suspend(due_in=5))
        await history.do(harness.fail("parked"))
        await history.do(harness.cancel("next", life=0))
        await history.do(harness.delete("parked"))


class LostAnswerPromises(Promises):
    """A holder's commit whose answer was lost, and whose lease is gone when it lands again."""

    async def test_a_commit_that_landed_answers_as_the_first_time(self, harness: StoreHarness) -> None:
        await harness.run("other")
        for number, operations in enumerate(self._commits(harness)):
            run_id = f"run-{number}"
            lease = await harness.running(run_id)
            first = await harness.store.commit(lease, *operations)
            if await harness.status(run_id) == "running":
                await harness.lease(run_id)
            before = await harness.everything()
            assert await harness.store.commit(lease, *operations) == first
            assert await harness.everything() == before

    @staticmethod
    def _commits(harness: StoreHarness) -> tuple[tuple[HolderOperation, ...], ...]:
        return (
            (harness.step(),),
            (harness.step(status="running"),),
            (harness.append(1, 2),),
            (harness.replace(1),),
            (harness.ask("a question", run_id="run-4"),),
            (harness.emit("other", "event:lost"), harness.step()),
            (harness.emit("other", "event:lost"), harness.step()),
            (harness.create("a child"),),
            (harness.note_cleanups(),),
            (harness.step(), harness.usage()),
            (harness.step(), harness.suspend(GO)),
            (harness.append(1), harness.release()),
            (harness.usage(), harness.emit("other", "event:last"), harness.finish()),
        )

    async def test_a_commit_that_did_not_land_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        after = await harness.lease()
        await harness.store.commit(after, harness.step("0"), harness.append(1, lane="new"))
        for operations in (
            (),
            (harness.step("0", result=b"2"),),
            (harness.step("0", "failed"),),
            (harness.step("1"),),
            (harness.step("0"), harness.step("1")),
            (harness.append(1, lane="old"),),
            (harness.replace(1, lane="old"),),
            (harness.append(2),),
            (AppendEntries(()),),
            (harness.ask(),),
            (harness.emit(),),
            (harness.create("child"),),
            (harness.note_cleanups(),),
            (harness.usage(),),
            (harness.put_parts("reply-run", 0, *text("a")),),
            (harness.set_message("reply-run", status="complete"),),
            (harness.add_message("more", place=7, run_id="run"),),
            (harness.suspend(),),
            (harness.release(),),
            (harness.finish(),),
            (harness.step("0"), harness.finish()),
        ):
            await harness.commit_refused(LeaseLost, lease, *operations)

    async def test_an_end_is_settled_by_its_own_key_alone(self, harness: StoreHarness) -> None:
        """What else was in its commit may have gone on since."""
        lease = await harness.running()
        operations = (harness.step("0", "running"), harness.append(1), harness.emit(), harness.suspend(inbox=1))
        first = await harness.store.commit(lease, *operations)
        later = await harness.lease()
        await harness.store.commit(later, harness.step("0"), harness.replace(2))
        before = await harness.everything()
        assert await harness.store.commit(lease, *operations) == first
        assert await harness.everything() == before
        await harness.commit(later, harness.release())
        # another holder has left too: the run itself says what became of it
        await harness.commit_refused(LeaseLost, lease, *operations)

    async def test_an_emit_that_was_not_accepted_does_not_hide_that_its_commit_landed(
        self, harness: StoreHarness
    ) -> None:
        await harness.run("other")
        await harness.do(harness.emit("other"))
        lease = await harness.running()
        operations = (harness.step(), harness.emit("other"))
        first = await harness.store.commit(lease, *operations)
        assert not first[1].accepted
        await harness.lease()
        assert await harness.store.commit(lease, *operations) == first

    async def test_a_late_landing_of_a_holder_takes_nothing_back(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        early = (
            harness.step("0", "running"),
            harness.put_parts("reply-run", 0, *text("a"), version=1),
            harness.set_message("reply-run", model="old", version=1),
        )
        await harness.store.commit(lease, *early)
        await harness.store.commit(
            lease,
            harness.step("0"),
            harness.put_parts("reply-run", 0, *text("b"), version=2),
            harness.set_message("reply-run", model="new", version=2),
        )
        before = await harness.everything()
        await harness.store.commit(lease, *early)
        assert await harness.everything() == before
