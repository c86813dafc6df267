"""Landing again what has landed, when its target was deleted since.

It answers as if the target were there, or says by name that it is gone. Nothing is made anew, and a holder never hears
that what it has done has failed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast, get_args

import pytest

from perdure.core.operations import (
    AddMessage,
    AddThreadEvent,
    Answer,
    AppendEntries,
    Ask,
    CancelChildren,
    CancelRun,
    Claim,
    CreateRun,
    CreateThread,
    DeleteRun,
    DeleteThread,
    Emit,
    Emitted,
    FailRun,
    FinishRun,
    HolderOperation,
    NoteCleanups,
    OutsideOperation,
    PutParts,
    PutStep,
    PutUsage,
    RegisterWorker,
    ReleaseRun,
    RenewWorker,
    ReplaceLane,
    RestartRun,
    RetireWorker,
    SealRun,
    SetMessage,
    StartTurn,
    SuspendRun,
    TakeOver,
    TakeRun,
    UpdateThread,
)
from perdure.core.records import TOMBSTONE_FOR, Lease
from perdure.core.values import Value
from perdure.errors import (
    Deleted,
    LeaseLost,
    PerdureError,
    QuestionNotFound,
    RunNotFound,
    ThreadNotFound,
    WorkerExpired,
)
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.thread_operations import text


class Landed(NamedTuple):
    """What has landed, and what it answered."""

    operations: tuple[Value, ...]
    answer: Value
    lease: Lease | None = None


Land = Callable[[StoreHarness, tuple[type, ...]], Awaitable[Landed]]
Make = Callable[[StoreHarness], OutsideOperation]


class Case(NamedTuple):
    """Shape: `land` lands something and deletes its target; `refusal` is what a second landing says, where it does."""

    name: str
    kinds: tuple[type, ...]
    land: Land
    refusal: type[PerdureError] | None = None


async def _do(harness: StoreHarness, operation: OutsideOperation) -> Landed:
    return Landed((operation,), await harness.do(operation))


async def _end(harness: StoreHarness, run_id: str) -> None:
    """Cancel a run that nobody has, and delete it."""
    await harness.do(harness.cancel(run_id))
    await harness.do(harness.delete(run_id))


# A holder's commits: what they write to others, and what they write to a run that is deleted with its thread.


async def _emit_with_step(harness: StoreHarness, *, is_first: bool) -> Landed:
    await harness.run("other")
    if not is_first:
        await harness.do(harness.emit("other"))
    lease = await harness.running()
    emit = harness.emit("other", step=harness.step().step)
    answer = await harness.store.commit(lease, emit)
    assert answer[0].accepted is is_first
    await _end(harness, "other")
    return Landed((emit,), answer, lease)


def _emitting(*, is_first: bool) -> Land:
    async def land(harness: StoreHarness, _: tuple[type, ...]) -> Landed:
        return await _emit_with_step(harness, is_first=is_first)

    return land


async def _child_with_step(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
    lease = await harness.running()
    operations = (harness.step(), harness.create("child", parent_id="run"))
    answer = await harness.store.commit(lease, *operations)
    await _end(harness, "child")
    return Landed(operations, answer, lease)


def _of_own_run() -> Land:
    async def land(harness: StoreHarness, kinds: tuple[type, ...]) -> Landed:
        lease = await harness.replying()
        every: tuple[HolderOperation, ...] = (
            harness.step(),
            harness.append(1),
            harness.replace(1),
            harness.ask(),
            harness.add_message("more", turn=1, place=7, run_id="run"),
            harness.put_parts("reply-run", 0, *text("a")),
            harness.set_message("reply-run", model="m"),
            harness.usage(),
            harness.note_cleanups(),
            harness.suspend(),
            harness.release(),
            harness.finish(),
        )
        operations = tuple(one for kind in kinds for one in every if type(one) is kind)
        answer = await harness.store.commit(lease, *operations)
        await harness.do(harness.delete_thread())
        return Landed(operations, answer, lease)

    return land


# Operations of anybody.


def _of_run(make: Make, before: str = "queued") -> Land:
    async def land(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
        if before == "failed":
            await harness.ended("run", "failed")
        elif before == "cancelling":
            await harness.running()
            await harness.do(harness.cancel())
            harness.advance(5)
        elif before == "queued":
            await harness.worker()
            await harness.run()
        landed = await _do(harness, make(harness))
        if (await harness.get()).worker_id is not None:
            lease = Lease(harness.tenant, "run", (await harness.get()).token)
            await harness.commit(lease, harness.finish("cancelled" if before == "cancelling" else "completed"))
        await _end(harness, "run")
        return landed

    return land


async def _answer_to_a_question(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
    lease = await harness.running()
    await harness.store.commit(lease, harness.ask(), harness.suspend())
    landed = await _do(harness, harness.answer())
    await _end(harness, "run")
    return landed


async def _deletion_of_a_run(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
    await harness.ended()
    return await _do(harness, harness.delete())


def _of_thread(make: Make) -> Land:
    async def land(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
        await harness.worker()
        await harness.thread()
        landed = await _do(harness, make(harness))
        await harness.do(harness.delete_thread())
        return landed

    return land


async def _turn_whose_run_is_deleted(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
    await harness.thread()
    landed = await _do(harness, harness.turn("run"))
    await _end(harness, "run")
    return landed


async def _creation_of_a_thread(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
    landed = await _do(harness, harness.create_thread())
    await harness.do(harness.delete_thread())
    return landed


async def _deletion_of_a_thread(harness: StoreHarness, _: tuple[type, ...] = ()) -> Landed:
    await harness.thread()
    return await _do(harness, harness.delete_thread())


def _of_worker(make: Make | None) -> Land:
    """Shape: without `make` it is the registration itself."""

    async def land(harness: StoreHarness, _: tuple[type, ...]) -> Landed:
        registered = await _do(harness, harness.register("bob"))
        landed = registered if make is None else await _do(harness, make(harness))
        await harness.do(harness.retire("bob"))
        return landed

    return land


CASES = (
    Case("an emit that was accepted", (Emit,), _emitting(is_first=True)),
    Case("an emit that was not", (Emit,), _emitting(is_first=False)),
    Case("a child", (PutStep, CreateRun), _child_with_step),
    Case("a lane", (ReplaceLane, PutStep), _of_own_run(), LeaseLost),
    Case("entries", (AppendEntries, Ask, AddMessage, NoteCleanups), _of_own_run(), LeaseLost),
    Case("parts", (PutStep, PutParts, SetMessage, PutUsage), _of_own_run(), LeaseLost),
    Case("a suspension", (SuspendRun,), _of_own_run(), LeaseLost),
    Case("a release", (ReleaseRun,), _of_own_run(), LeaseLost),
    Case("an end", (FinishRun,), _of_own_run(), LeaseLost),
    Case("a creation", (CreateRun,), _of_run(lambda harness: harness.create()), Deleted),
    Case("a cancel", (CancelRun,), _of_run(lambda harness: harness.cancel()), RunNotFound),
    Case("a cancel of children", (CancelChildren,), _of_run(lambda harness: harness.cancel_children())),
    Case("a seal", (SealRun,), _of_run(lambda harness: harness.seal(), "cancelling"), RunNotFound),
    Case("a restart", (RestartRun,), _of_run(lambda harness: harness.restart(), "failed"), RunNotFound),
    Case("a failure", (FailRun,), _of_run(lambda harness: harness.fail()), RunNotFound),
    Case("an event", (Emit,), _of_run(lambda harness: harness.emit()), RunNotFound),
    Case("a claim", (Claim,), _of_run(lambda harness: harness.claim())),
    Case("a lease", (TakeRun,), _of_run(lambda harness: harness.take()), RunNotFound),
    Case("an answer", (Answer,), _answer_to_a_question, QuestionNotFound),
    Case("a deletion", (DeleteRun,), _deletion_of_a_run),
    Case("a registration", (RegisterWorker,), _of_worker(None), WorkerExpired),
    Case("a renewal", (RenewWorker,), _of_worker(lambda harness: harness.renew("bob")), WorkerExpired),
    Case("a retirement", (RetireWorker,), _of_worker(lambda harness: harness.retire("bob"))),
    Case("a takeover", (TakeOver,), _of_worker(lambda harness: harness.take_over("bob"))),
    Case("a thread", (CreateThread,), _creation_of_a_thread, Deleted),
    Case(
        "a change",
        (UpdateThread,),
        _of_thread(lambda harness: harness.update_thread(title="t", version=0)),
        ThreadNotFound,
    ),
    Case("a turn", (StartTurn,), _of_thread(lambda harness: harness.turn("run")), ThreadNotFound),
    Case("a turn without its run", (StartTurn,), _turn_whose_run_is_deleted),
    Case("an event of a thread", (AddThreadEvent,), _of_thread(lambda harness: harness.thread_event()), ThreadNotFound),
    Case("a message", (AddMessage,), _of_thread(lambda harness: harness.add_message("note")), ThreadNotFound),
    Case("a deletion of a thread", (DeleteThread,), _deletion_of_a_thread),
)


class DeletedTargetPromises(Promises):
    """The law that landing a commit twice is landing it once, where what it was about is gone by then."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    async def test_what_landed_lands_again_when_its_target_was_deleted(self, harness: StoreHarness, case: Case) -> None:
        landed = await case.land(harness, case.kinds)
        assert tuple(map(type, landed.operations)) == case.kinds
        before = await harness.everything()
        for _ in range(2):
            if case.refusal is None:
                answer = await _again(harness, landed)
                assert _says_the_same(landed.answer, answer)
            else:
                with pytest.raises(case.refusal):
                    await _again(harness, landed)
            assert await harness.everything() == before

    async def test_every_operation_is_landed_again_when_its_target_was_deleted(self) -> None:
        assert {kind for case in CASES for kind in case.kinds} == _kinds(HolderOperation) | _kinds(OutsideOperation)

    async def test_what_a_holder_made_is_not_made_again_when_nobody_remembers_that_it_was_deleted(
        self, harness: StoreHarness
    ) -> None:
        landed = await _child_with_step(harness)
        await self._forget(harness)
        before = await harness.everything()
        assert (await _again(harness, landed))[1] is None
        assert await harness.everything() == before

    async def test_what_a_holder_emitted_is_not_emitted_to_another_run_with_the_same_id(
        self, harness: StoreHarness
    ) -> None:
        landed = await _emit_with_step(harness, is_first=True)
        await self._forget(harness)
        await harness.run("other")
        before = await harness.everything()
        assert (await _again(harness, landed))[0] == Emitted(accepted=True, event=None)
        assert await harness.everything() == before

    @staticmethod
    async def _forget(harness: StoreHarness) -> None:
        """Let the marks of what was deleted end: who deletes next removes them."""
        harness.jump(TOMBSTONE_FOR.total_seconds() + 1)
        await harness.run("last")
        await _end(harness, "last")


async def _again(harness: StoreHarness, landed: Landed) -> Value:
    if landed.lease is not None:
        return await harness.store.commit(landed.lease, *landed.operations)
    return await harness.store.execute(landed.operations[0])


def _says_the_same(first: Value, again: Value) -> bool:
    """Whether a second answer is the first one, but for the records of what is gone: a claim tells what is left."""
    if isinstance(again, tuple):
        left = cast("tuple[Value, ...]", again)
        return all(_says_the_same(one, other) for one, other in zip(first, left, strict=False))
    if isinstance(first, Emitted) and isinstance(again, Emitted):
        return first.accepted == again.accepted
    return again is None or first == again


def _kinds(union: Value) -> set[type]:
    """The classes in a union, however deep."""
    inside = get_args(union)
    return {kind for one in inside for kind in _kinds(one)} if inside else {union}
