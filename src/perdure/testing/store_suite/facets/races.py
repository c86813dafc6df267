"""Two who write to one row at one moment: it comes to the same as if one had come after the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from itertools import combinations

import msgspec

from perdure.core import keys
from perdure.core.operations import HolderOperation, OutsideOperation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import PerdureError
from perdure.stores.port import Store
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.thread_operations import text

Commit = OutsideOperation | tuple[Lease, HolderOperation]
Prepare = Callable[[StoreHarness, str], Awaitable[dict[str, Commit]]]
"""Makes the rows of one trial, whose ids all end with its name, and what may happen to them, by what that is called."""


async def _running(harness: StoreHarness, name: str) -> dict[str, Commit]:
    run_id = f"run{name}"
    lease = await harness.running(run_id)
    return {
        "step": (lease, harness.step("0")),
        "another outcome of the step": (lease, harness.step("0", "failed")),
        "timeout": (lease, msgspec.structs.replace(harness.step("0", "failed"), inbox=0)),
        "chunk": (lease, harness.append(1)),
        "suspend": (lease, harness.suspend(GO, inbox=0)),
        "release": (lease, harness.release()),
        "finish": (lease, harness.finish()),
        "fail": (lease, harness.finish("failed")),
        "emit": harness.emit(run_id, GO),
        "emit again": harness.emit(run_id, GO, b"2"),
        "cancel": harness.cancel(run_id),
        "delete": harness.delete(run_id),
    }


async def _suspended(harness: StoreHarness, name: str) -> dict[str, Commit]:
    run_id = f"run{name}"
    await harness.suspended(run_id, "ana", GO, due_in=0.0)
    return {
        "take": harness.take(run_id),
        "emit": harness.emit(run_id, GO),
        "cancel": harness.cancel(run_id),
        "fail": harness.fail(run_id),
        "delete": harness.delete(run_id),
    }


async def _failed(harness: StoreHarness, name: str) -> dict[str, Commit]:
    run_id = f"run{name}"
    await harness.ended(run_id, "failed")
    return {
        "restart": harness.restart(run_id),
        "take": harness.take(run_id),
        "cancel": harness.cancel(run_id),
        "cancel of its next life": harness.cancel(run_id, life=1),
        "emit": harness.emit(run_id, GO),
        "delete": harness.delete(run_id),
    }


async def _asked(harness: StoreHarness, name: str) -> dict[str, Commit]:
    run_id, why = f"run{name}", f"why{name}"
    lease = await harness.running(run_id)
    await harness.commit(lease, harness.ask(why, run_id=run_id))
    await harness.commit(lease, harness.suspend(keys.question(why), due_in=0.0))
    return {
        "answer": harness.answer(why),
        "another answer": harness.answer(why, b'"no"', by="bob"),
        "take": harness.take(run_id),
        "cancel": harness.cancel(run_id),
        "fail": harness.fail(run_id),
        "delete": harness.delete(run_id),
    }


async def _cancelling(harness: StoreHarness, name: str) -> dict[str, Commit]:
    run_id = f"run{name}"
    lease = await harness.running(run_id)
    await harness.do(harness.cancel(run_id, within=0.0))
    return {
        "seal": harness.seal(run_id),
        "step": (lease, harness.step("0")),
        "finish": (lease, harness.finish()),
        "cancelled": (lease, harness.finish("cancelled")),
        "release": (lease, harness.release()),
        "emit": harness.emit(run_id, GO),
    }


async def _child(harness: StoreHarness, name: str) -> dict[str, Commit]:
    parent, run_id = f"parent{name}", f"run{name}"
    await harness.suspended(parent, "ana", keys.child(run_id))
    child = harness.create(run_id, parent_id=parent)
    lease = await harness.running(run_id, like=child)
    return {
        "finish": (lease, harness.finish()),
        "cancel": harness.cancel(run_id),
        "cancel the parent": harness.cancel(parent),
        "cancel its children": harness.cancel_children(parent),
        "take the parent": harness.take(parent),
        "fail the parent": harness.fail(parent),
        "delete the parent": harness.delete(parent),
    }


async def _turn(harness: StoreHarness, name: str) -> dict[str, Commit]:
    thread_id, run_id = f"thread{name}", f"run{name}"
    await harness.thread(thread_id)
    if not await harness.store.workers.list():
        await harness.worker()
    first = harness.turn_with_reply(run_id, thread_id)
    await harness.do(first)
    lease, reply = await harness.lease(run_id), first.messages[-1].message_id
    return {
        "send": harness.turn_with_reply(f"next{name}", thread_id),
        "say": (lease, harness.put_parts(reply, 0, *text("It rains"), version=1)),
        "finish": (lease, harness.finish()),
        "stop": harness.cancel(run_id),
        "title": harness.update_thread(thread_id, title="Rain", version=None),
        "delete": harness.delete_thread(thread_id),
    }


_COUNTED = re.compile(r"(claim-|emit-|answer-|ticket=)\d+")
"""What differs from trial to trial: ids that are counted, and places in queues."""


class RacePromises(Promises):
    """Of every two who write to the same rows at one moment, each is answered as if the other had come before or after.

    So whatever both come to is what they come to one after the other; in two processes as well, where a store has them.
    """

    async def test_two_who_write_to_a_running_run(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _running)

    async def test_two_who_write_to_a_suspended_run(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _suspended)

    async def test_two_who_write_to_a_failed_run(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _failed)

    async def test_two_who_write_to_a_run_with_a_question(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _asked)

    async def test_two_who_write_to_a_run_that_is_cancelling(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _cancelling)

    async def test_two_who_write_to_a_child_and_its_parent(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _child)

    async def test_two_who_write_to_a_thread_and_its_turn(self, harness: StoreHarness) -> None:
        await _come_to_what_they_come_to_in_turn(harness, _turn)


async def _come_to_what_they_come_to_in_turn(harness: StoreHarness, prepare: Prepare) -> None:
    trials, here = _Trials(harness, prepare), harness.store
    elsewhere = await harness.open_again() if harness.abilities.many_processes else here
    for one, other in combinations(await trials.names(), 2):
        in_turn = [await trials.in_turn(one, other), await trials.in_turn(other, one)]
        for first, second in ((one, other), (other, one)):
            assert await trials.at_once((here, first), (here, second)) in in_turn, f"{first} and {second}"
            if elsewhere is not here:
                found = await trials.at_once((here, first), (elsewhere, second))
                assert found in in_turn, f"{first} here and {second} elsewhere"
    if elsewhere is not here:
        await elsewhere.close()


class _Trials:
    """Trials of one situation, each with rows of its own; what one comes to is told without its name."""

    def __init__(self, harness: StoreHarness, prepare: Prepare) -> None:
        self._harness = harness
        self._prepare = prepare
        self._count = 0

    async def names(self) -> list[str]:
        """What may happen."""
        return list(await self._prepare(self._harness, self._next()))

    async def in_turn(self, *names: str) -> dict[str, Value]:
        """What comes of them, one after the other, in this order."""
        name = self._next()
        commits = await self._prepare(self._harness, name)
        answers = {each: await _answer(self._harness.store, commits[each]) for each in names}
        return await self._found(name, answers)

    async def at_once(self, *places: tuple[Store, str]) -> dict[str, Value]:
        """What comes of them, all on their way before any has landed."""
        name = self._next()
        commits = await self._prepare(self._harness, name)
        answers = await asyncio.gather(*[_answer(store, commits[each]) for store, each in places])
        return await self._found(name, dict(zip([each for _, each in places], answers, strict=True)))

    def _next(self) -> str:
        self._count += 1
        return f"~{self._count}~"

    async def _found(self, name: str, answers: dict[str, Value]) -> dict[str, Value]:
        found: dict[str, Value] = {"answers": sorted(answers.items())}
        store, tenant = self._harness.store, self._harness.tenant
        for run_id in (f"run{name}", f"next{name}", f"parent{name}"):
            found[run_id] = run = await store.runs.get(run_id, tenant=tenant)
            if run is None:
                continue
            found[run_id] = (
                run,
                await store.steps.list(run_id, tenant=tenant),
                await store.events.list(run_id, tenant=tenant),
                await store.streams.read(run_id, tenant=tenant),
                await store.questions.list(run_id=run_id, tenant=tenant),
                await store.messages.of_run(run_id, tenant=tenant),
            )
        thread_id = f"thread{name}"
        found[thread_id] = await store.threads.get(thread_id, tenant=tenant)
        if found[thread_id] is not None:
            found["events"] = await store.threads.events(thread_id, tenant=tenant)
            found["messages"] = await store.messages.path(thread_id, tenant=tenant)
        return {
            each.replace(name, ""): _COUNTED.sub("", repr(value).replace(name, "")) for each, value in found.items()
        }


async def _answer(store: Store, commit: Commit) -> Value:
    try:
        if isinstance(commit, tuple):
            return await store.commit(*commit)
        return await store.execute(commit)
    except PerdureError as refusal:
        return type(refusal).__name__
