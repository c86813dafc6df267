"""What must not grow in the memory store: Python's own calls for one act, in a small store and in a large one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any

import pytest

from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.compaction import compact
from perdure.core.messages import Message, TextPart
from perdure.core.operations import (
    Answer,
    AppendEntries,
    Ask,
    CreateThread,
    DeleteRun,
    Emit,
    FinishRun,
    OutsideOperation,
    RegisterWorker,
    ReplaceLane,
    StartTurn,
    SuspendRun,
)
from perdure.core.records import Lease, Question
from perdure.core.threads import ThreadRecord
from perdure.stores.memory import MemoryStore
from perdure.stores.port import EVERY_TENANT
from perdure.testing.manual_clock import ManualClock
from tests.stores.costs.counting import CountedStore

FEW, MANY = 20, 300
SLACK = 60
"""Units: calls. A search in a longer list takes no more, but a page of a list may hold a row more."""

Act = Callable[[], Awaitable[Any]]


@pytest.fixture
async def counted() -> AsyncIterator[CountedStore]:
    clock = ManualClock()
    store: Any = MemoryStore(clock=clock)
    made = CountedStore(store, clock)
    await made.begin()
    yield made
    await store.close()


async def calls(act: Act) -> int:
    """How many functions were called, and how often a generator went on."""
    many = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal many
        many += event == "call"

    await act()  # once before, so that whatever is remembered is remembered
    sys.setprofile(count)
    try:
        await act()
    finally:
        sys.setprofile(None)
    return many


async def grown(acts: dict[str, Act], grow: Callable[[int, int], Awaitable[None]]) -> list[tuple[str, int, int]]:
    """Which acts cost more in a large store than in a small one."""
    await grow(0, FEW)
    small = {name: await calls(act) for name, act in acts.items()}
    await grow(FEW, MANY)
    large = {name: await calls(act) for name, act in acts.items()}
    return [(name, small[name], large[name]) for name in acts if large[name] > small[name] + SLACK]


async def finish(counted: CountedStore, first: int, last: int) -> None:
    for number in range(first, last):
        counted.clock.advance(1)
        await counted.store.execute(counted.create(f"old{number}"))
    while claimed := await counted.store.execute(counted.claim()):
        for one in claimed:
            ends = FinishRun(status="completed", at=counted.at, result=b"1")
            await counted.commit(Lease(None, one.run.run_id, one.run.token), ends)


async def others(counted: CountedStore, first: int, last: int) -> None:
    """Runs of another workflow that are ready, that wait for a time, and of another tenant that have ended."""
    for number in range(first, last):
        counted.clock.advance(1)
        await counted.store.execute(counted.create(f"ready{number}", workflow="g"))
        await counted.store.execute(counted.create(f"waits{number}"))
        await counted.store.execute(counted.create(f"ended{number}", tenant="big"))
    while claimed := await counted.store.execute(counted.claim()):
        for one in claimed:
            lease = Lease(one.run.tenant, one.run.run_id, one.run.token)
            number = int(one.run.run_id[5:])
            if one.run.tenant is None:
                waits = SuspendRun(inbox=0, at=counted.at, due_at=counted.at + timedelta(days=1 + number))
                await counted.commit(lease, waits)
                continue
            await counted.commit(lease, FinishRun(status=("completed", "failed")[number % 2], at=counted.at))


async def test_what_is_done_all_the_time_costs_the_same_however_many_runs_there_are(counted: CountedStore) -> None:
    store, numbers = counted.store, iter(range(10_000))
    for run_id in ("small0", "small1"):
        await store.execute(counted.create(run_id, tenant="small", queue="own"))
    await counted.running("held")

    async def execute(make: Callable[[], OutsideOperation]) -> None:
        await store.execute(make())

    acts: dict[str, Act] = {
        "claim": partial(execute, counted.claim),
        "claim of a limited queue": lambda: store.execute(counted.claim(queue_limit=5)),
        "create": lambda: store.execute(counted.create(f"new{next(numbers)}", workflow="none")),
        "emit": lambda: store.execute(emit(counted, "held", next(numbers))),
        "next due": lambda: store.queues.next_due(("default",), ("h", "i"), counted.at),
        "alone since": lambda: store.queues.alone_since(("default",), ("f",)),
        "counts": store.queues.counts,
        "overdue": store.runs.overdue,
        "cancelling children": store.runs.cancelling_children,
        "parked": lambda: store.runs.parked(("default",), ("f",)),
        "running": lambda: store.runs.list(tenant=EVERY_TENANT, status=("running",)),
        "of a tenant": lambda: store.runs.list(tenant="small", limit=10),
        "of a tenant and a workflow": lambda: store.runs.list(tenant="small", workflow="g", limit=10),
        "failed of no tenant": lambda: store.runs.list(tenant=None, status=("failed",)),
        "waiting of another workflow": lambda: store.runs.list(tenant=None, status=("suspended",), workflow="g"),
        "all of another workflow": lambda: store.runs.list(tenant=EVERY_TENANT, workflow="h"),
        "children": lambda: store.runs.list(tenant=None, parent_id="parent"),
        "of a thread": lambda: store.runs.list(tenant=None, thread_id="thread"),
        "the newest": lambda: store.runs.list(tenant=EVERY_TENANT, limit=5),
    }

    async def grow(first: int, last: int) -> None:
        await finish(counted, first, last)
        await others(counted, first, last)

    assert await grown(acts, grow) == []


def emit(counted: CountedStore, run_id: str, number: int) -> Emit:
    return Emit(tenant=None, run_id=run_id, key=f"event:{number}", payload=b"1", at=counted.at, emit_id=f"e{number}")


async def test_what_is_done_to_a_run_costs_the_same_however_much_it_has(counted: CountedStore) -> None:
    store, lease = counted.store, await counted.running("run")
    events, seqs = iter(range(100_000)), iter(range(1, 100_000))

    async def append(times: int = 1, lane: str = "0") -> None:
        for _ in range(times):
            seq = next(seqs)
            chunk = Chunk(kind="text", text="hello")
            await counted.commit(lease, AppendEntries((chunk_entry(chunk, lane, seq, seq),)))

    async def end_lane() -> None:
        seq = next(seqs)
        await counted.commit(lease, AppendEntries((chunk_entry(Chunk(kind="text", text="a"), "1", seq, seq),)))
        entry = compact("1", next(seqs), [Chunk(kind="text", text="a", seq=seq)])
        await counted.commit(lease, ReplaceLane(entry, seq))

    async def read_the_last() -> None:
        head = (await store.streams.read("run", tenant=None, after=1_000_000)).head
        await store.streams.read("run", tenant=None, after=head - 5)

    acts: dict[str, Act] = {
        "emit": lambda: store.execute(emit(counted, "run", next(events))),
        "news": lambda: store.runs.news("run", tenant=None, after=10**6),
        "an event": lambda: store.events.get("run", "event:3", tenant=None),
        "events past one": lambda: store.events.list("run", tenant=None, after=10**6),
        "a delta": append,
        "the end of a lane": end_lane,
        "the last deltas": read_the_last,
    }

    async def grow(first: int, last: int) -> None:
        for _ in range(first, last):
            await store.execute(emit(counted, "run", next(events)))
        await append(last - first)
        await counted.commit(lease, *(counted.step(number) for number in range(first, last)))

    assert await grown(acts, grow) == []


async def turn(counted: CountedStore, thread_id: str, number: int) -> None:
    run_id = f"{thread_id}:{number}"
    messages = tuple(
        Message(
            message_id=f"{run_id}.{role}",
            client_id=run_id if role == "user" else None,
            thread_id=thread_id,
            turn=0,
            role=role,
            parts=(TextPart(text="hello"), TextPart(text="there")),
            created_at=counted.at,
        )
        for role in ("user", "assistant")
    )
    sent = StartTurn(tenant=None, thread_id=thread_id, run=counted.create(run_id), messages=messages)
    await counted.store.execute(sent)
    await counted.store.execute(counted.claim())
    await counted.commit(Lease(None, run_id, 1), FinishRun(status="completed", at=counted.at))


async def test_a_turn_costs_the_same_however_long_the_thread_and_its_path_what_it_holds(counted: CountedStore) -> None:
    store, numbers = counted.store, iter(range(10_000))
    await store.execute(CreateThread(thread=ThreadRecord(thread_id="thread", agent="x", created_at=counted.at)))

    async def grow(first: int, last: int) -> None:
        for _ in range(first, last):
            await turn(counted, "thread", next(numbers))

    acts: dict[str, Act] = {
        "a turn": lambda: turn(counted, "thread", next(numbers)),
        "the thread": lambda: store.threads.get("thread", tenant=None),
        "a message": lambda: store.messages.get("thread", "thread:3.user", tenant=None),
        "turns past one": lambda: store.threads.turns("thread", tenant=None, after=10**6),
        "events past one": lambda: store.threads.events("thread", tenant=None, after=10**6),
    }
    assert await grown(acts, grow) == []
    whole = await store.messages.path("thread", tenant=None)
    assert await calls(lambda: store.messages.path("thread", tenant=None)) / len(whole) <= 60


async def test_lists_cost_the_same_however_many_are_of_others(counted: CountedStore) -> None:
    store = counted.store

    async def grow(first: int, last: int) -> None:
        for number in range(first, last):
            run_id, question_id, thread_id = f"asks{number}", f"q{number}", f"t{number}"
            await store.execute(counted.create(run_id))
            await store.execute(counted.claim())
            question = Question(question_id=question_id, run_id=run_id, kind="ask", prompt="?", asked_at=counted.at)
            await counted.commit(Lease(None, run_id, 1), Ask(question=question))
            answered = Answer(
                tenant=None, question_id=question_id, answer=b"1", by=None, at=counted.at, answer_id=question_id
            )
            await store.execute(answered)
            await counted.commit(Lease(None, run_id, 1), FinishRun(status="completed", at=counted.at))
            await store.execute(DeleteRun(tenant=None, run_id=run_id, at=counted.at))
            for tenant in (None, "big"):
                thread = ThreadRecord(tenant=tenant, thread_id=thread_id, agent="x", owner="o", created_at=counted.at)
                await store.execute(CreateThread(thread=thread))

    acts: dict[str, Act] = {
        "open questions": lambda: store.questions.list(tenant=None),
        "questions of a run": lambda: store.questions.list(tenant=EVERY_TENANT, run_id="none"),
        "threads of a tenant": lambda: store.threads.list(tenant="small"),
        "threads of an owner": lambda: store.threads.list(tenant=None, owner="none"),
        "the newest threads of an agent": lambda: store.threads.list(tenant=None, agent="x", limit=5),
        "register": lambda: store.execute(
            RegisterWorker(worker_id="other", incarnation="1", at=counted.at, lease_for=1e6)
        ),
    }
    assert await grown(acts, grow) == []


async def test_a_scan_is_seen(counted: CountedStore) -> None:
    inside: Any = counted.store

    async def scan() -> None:
        assert [run for run in inside._state.runs.values() if run.run_id == "none"] == []

    assert await grown({"scan": scan}, partial(finish, counted)) != []
