"""The fence: who lost a lease writes nothing more, and nothing but the run's own row decides it."""

from __future__ import annotations

from perdure.core.operations import HolderOperation
from perdure.core.records import Lease
from perdure.errors import InputError, LeaseLost, MessageNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import text
from perdure.testing.store_suite.worker_operations import LEASE_FOR


def writes(harness: StoreHarness) -> tuple[HolderOperation, ...]:
    """Every operation of a holder, on a turn with a streaming reply; those that an outsider may give are not there."""
    return (
        harness.step(),
        harness.step(status="running"),
        harness.step(status="failed"),
        harness.ask(),
        harness.append(1),
        harness.replace(1),
        harness.put_parts("reply-run", 0, *text("a")),
        harness.set_message("reply-run", status="complete"),
        harness.usage(),
        harness.add_message("more", place=7, run_id="run"),
        harness.suspend(),
        harness.release(),
        harness.finish(),
        harness.finish("failed"),
        harness.finish("cancelled"),
    )


async def changes_nothing(harness: StoreHarness, lease: Lease) -> None:
    """See every write under a lease refused, and everything stay as it was."""
    for write in writes(harness):
        await harness.commit_refused(LeaseLost, lease, write)
    # what anybody may write is refused with it, where it comes under a stale lease
    await harness.commit_refused(LeaseLost, lease, harness.emit(), harness.create("child"), harness.step())
    await harness.commit_refused(LeaseLost, lease, harness.step(), harness.emit(), harness.finish())


class FencingPromises(Promises):
    """The lease of a commit."""

    async def test_a_write_with_a_stale_token_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.retaken(lease, "bob")
        await changes_nothing(harness, lease)

    async def test_a_write_under_an_earlier_token_of_the_same_worker_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.lease("run", "ana")
        await changes_nothing(harness, lease)

    async def test_a_write_with_a_token_that_was_not_given_out_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await changes_nothing(harness, Lease(None, "run", lease.token + 1))

    async def test_a_write_to_a_run_that_nobody_has_claimed_is_refused(self, harness: StoreHarness) -> None:
        await harness.thread()
        await harness.do(harness.turn_with_reply("run"))
        await changes_nothing(harness, Lease(None, "run", (await harness.get()).token))

    async def test_a_write_after_the_lease_was_given_back_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.do(harness.cancel("run"))
        await harness.do(harness.retire("ana"))
        await changes_nothing(harness, lease)

    async def test_a_write_to_a_run_that_was_released_or_suspended_or_ended_by_its_holder_is_refused(
        self, harness: StoreHarness
    ) -> None:
        for name, end in (
            ("suspended", harness.suspend()),
            ("released", harness.release()),
            ("completed", harness.finish()),
            ("failed", harness.finish("failed")),
            ("cancelled", harness.finish("cancelled")),
        ):
            lease = await harness.running(name, "ana")
            await harness.commit(lease, end)
            await harness.commit_refused(LeaseLost, lease, harness.step("9"))
            await harness.commit_refused(LeaseLost, lease, harness.append(1))
            await harness.commit_refused(LeaseLost, lease, harness.usage())

    async def test_a_write_to_a_run_that_was_sealed_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.do(harness.cancel(within=5))
        harness.advance(5)
        await harness.do(harness.seal())
        await changes_nothing(harness, lease)

    async def test_a_write_to_a_run_that_is_not_there_is_refused(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await changes_nothing(harness, Lease(None, "run", 1))

    async def test_a_run_that_is_being_cancelled_is_still_its_owners(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.cancel())
        await harness.store.commit(lease, harness.step(), harness.append(1))
        await harness.commit(lease, harness.finish("cancelled"))
        assert await harness.status() == "cancelled"

    async def test_no_clock_decides_the_fence(self, harness: StoreHarness) -> None:
        """A lease that has ended is still the run's, as long as nobody has taken it: the row decides, not the time."""
        lease = await harness.running("run", "ana")
        harness.advance(10 * LEASE_FOR)
        harness.jump(-3600)
        await harness.commit(lease, harness.step())
        await harness.commit(lease, harness.finish())
        assert await harness.status() == "completed"

    async def test_an_end_comes_last(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        for end in (harness.suspend(), harness.release(), harness.finish()):
            await harness.commit_refused(InputError, lease, end, harness.step())

    async def test_a_holder_writes_no_message_of_another_run(self, harness: StoreHarness) -> None:
        first = await harness.replying("first")
        await harness.commit(first, harness.finish("failed"))
        await harness.thread("other")
        await harness.do(harness.turn("elsewhere", "message", thread_id="other"))
        lease = await harness.replying("second")
        for message_id in ("reply-first", "ask-second", "message", "nothing"):
            await harness.commit_refused(MessageNotFound, lease, harness.put_parts(message_id, 0, *text("a")))
            await harness.commit_refused(MessageNotFound, lease, harness.set_message(message_id, status="failed"))

    async def test_a_holder_adds_messages_and_questions_of_its_own_run_only(self, harness: StoreHarness) -> None:
        await harness.thread("other")
        await harness.run("first")
        lease = await harness.replying("run")
        for run_id in (None, "first"):
            await harness.commit_refused(LeaseLost, lease, harness.add_message("new", place=5, run_id=run_id))
        await harness.commit_refused(LeaseLost, lease, harness.add_message("new", "other", run_id="run"))
        await harness.commit_refused(LeaseLost, lease, harness.ask(run_id="first"))

    async def test_an_outsider_adds_no_message_of_a_run(self, harness: StoreHarness) -> None:
        await harness.replying("run")
        await harness.refused(LeaseLost, harness.add_message("new", place=5, run_id="run"))
