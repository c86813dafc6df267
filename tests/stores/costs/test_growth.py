"""What must not grow: SQLite's own instructions for one act, in a small store and in a large one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest

from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.messages import Message, TextPart
from perdure.core.operations import (
    Answer,
    AppendEntries,
    Ask,
    CreateThread,
    DeleteThread,
    Emit,
    FinishRun,
    RegisterWorker,
    RetireWorker,
    StartTurn,
    SuspendRun,
)
from perdure.core.records import Lease, Question
from perdure.core.threads import ThreadRecord
from perdure.stores.port import EVERY_TENANT
from tests.stores.costs.counting import EVERY, CountedStore

FEW, MANY = 20, 600
SLACK = 30 * EVERY
"""Units: instructions. A search in a larger tree takes a few more, and counting is by tens."""

Act = Callable[[], Awaitable[Any]]


async def instructions(counted: CountedStore, act: Act) -> int:
    await act()  # once before, so that every statement is prepared
    with counted.counted() as counts:
        await act()
    return counts.instructions


async def steps(counted: CountedStore, lease: Lease, first: int, last: int) -> None:
    await counted.commit(lease, *(counted.step(number, b"x" * 100) for number in range(first, last)))


def emit(counted: CountedStore, run_id: str, number: int) -> Emit:
    key, emit_id = f"event:{number}", f"e{number}"
    return Emit(tenant=None, run_id=run_id, key=key, payload=b"1", at=counted.at, emit_id=emit_id)


async def test_a_run_costs_the_same_however_many_steps_it_has(counted: CountedStore) -> None:
    lease, store, numbers = await counted.running("run"), counted.store, iter(range(1000))

    async def wake_up() -> None:
        """Suspended, woken by what it waits for, claimed; what is new is read."""
        run = await store.runs.get("run", tenant=None)
        assert run is not None
        number = next(numbers)
        waits = SuspendRun(inbox=run.inbox, at=counted.at, waiting_for=(f"event:{number}",))
        await store.commit(Lease(None, "run", run.token), waits)
        await store.execute(emit(counted, "run", number))
        await store.execute(counted.claim())
        await store.runs.news("run", tenant=None, after=run.inbox)

    await steps(counted, lease, 0, FEW)
    small = await instructions(counted, wake_up)
    run = await store.runs.get("run", tenant=None)
    assert run is not None
    await steps(counted, Lease(None, "run", run.token), FEW, MANY)
    assert await instructions(counted, wake_up) <= small + SLACK


async def test_news_costs_what_is_new(counted: CountedStore) -> None:
    await counted.running("run")
    for number in range(FEW):
        await counted.store.execute(emit(counted, "run", number))

    def look(after: int) -> Act:
        return lambda: counted.store.runs.news("run", tenant=None, after=after)

    small = await instructions(counted, look(FEW - 2))
    for number in range(FEW, MANY):
        await counted.store.execute(emit(counted, "run", number))
    assert await instructions(counted, look(MANY - 2)) <= small + SLACK


async def test_a_delta_costs_the_same_however_long_the_log(counted: CountedStore) -> None:
    lease, seqs = await counted.running("run"), iter(range(1, 10_000))

    async def append(times: int = 1) -> None:
        for _ in range(times):
            seq = next(seqs)
            entry = chunk_entry(Chunk(kind="text", text="hello"), "0", seq, seq)
            await counted.commit(lease, AppendEntries((entry,)))

    small = await instructions(counted, append)
    await append(MANY)
    assert await instructions(counted, append) <= small + SLACK


async def test_what_others_committed_is_found_without_a_look_at_what_was_seen(counted: CountedStore) -> None:
    group = counted.inside._writer._group
    writing = counted.writing

    def others_commit(first: int, last: int) -> None:
        rows = [(number, 7, b'["run:1"]') for number in range(first, last)]
        writing.cursor().executemany("INSERT INTO notices (id, writer, topics) VALUES (?, ?, ?)", rows)

    async def look() -> None:
        group._news.look()

    start = 1_000
    group._news._seen_notice = start - 1
    others_commit(start, start + FEW)
    small = await instructions(counted, look)
    others_commit(start + FEW, start + 10_000)
    await look()
    assert await instructions(counted, look) <= small + SLACK


async def finish(counted: CountedStore, first: int, last: int) -> None:
    for number in range(first, last):
        counted.clock.advance(1)
        await counted.store.execute(counted.create(f"old{number}"))
    while claimed := await counted.store.execute(counted.claim()):
        for one in claimed:
            ends = FinishRun(status="completed", at=counted.at, result=b"1")
            await counted.commit(Lease(None, one.run.run_id, one.run.token), ends)


async def test_what_is_done_all_the_time_costs_the_same_however_many_runs_have_ended(counted: CountedStore) -> None:
    store = counted.store
    acts: dict[str, Act] = {
        "claim": lambda: store.execute(counted.claim()),
        "claim of a limited queue": lambda: store.execute(counted.claim(queue_limit=5)),
        "next due": lambda: store.queues.next_due(("default",), ("f",), counted.at),
        "counts": store.queues.counts,
        "overdue": store.runs.overdue,
        "cancelling children": store.runs.cancelling_children,
        "parked": lambda: store.runs.parked(("default",), ("f",)),
        "running": lambda: store.runs.list(tenant=EVERY_TENANT, status=("running",)),
        "failed of a workflow": lambda: store.runs.list(tenant=None, status=("failed",), workflow="f"),
        "of another workflow": lambda: store.runs.list(tenant=None, workflow="g"),
        "of another tenant": lambda: store.runs.list(tenant="t"),
        "children": lambda: store.runs.list(tenant=None, parent_id="parent"),
        "of a thread": lambda: store.runs.list(tenant=None, thread_id="thread"),
        "questions": lambda: store.questions.list(tenant=None),
        "the newest": lambda: store.runs.list(tenant=None, limit=5),
    }
    await finish(counted, 0, FEW)
    small = {name: await instructions(counted, act) for name, act in acts.items()}
    await finish(counted, FEW, MANY)
    large = {name: await instructions(counted, act) for name, act in acts.items()}
    assert [name for name in acts if large[name] > small[name] + SLACK] == [], (small, large)


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


async def test_what_is_of_others_is_not_walked(counted: CountedStore) -> None:
    store = counted.store
    for run_id in ("small0", "small1"):
        await store.execute(counted.create(run_id, tenant="small", queue="own"))
    acts: dict[str, Act] = {
        "claim": lambda: store.execute(counted.claim()),
        "next due of another workflow": lambda: store.queues.next_due(("default",), ("h", "i"), counted.at),
        "of a tenant": lambda: store.runs.list(tenant="small", limit=10),
        "of a tenant and a workflow": lambda: store.runs.list(tenant="small", workflow="f", limit=10),
        "of a tenant and another workflow": lambda: store.runs.list(tenant="small", workflow="g", limit=10),
        "failed of a tenant": lambda: store.runs.list(tenant="small", status=("failed",)),
        "queued of a tenant": lambda: store.runs.list(tenant="small", status=("queued", "failed"), limit=10),
        "completed of a tenant": lambda: store.runs.list(tenant="small", status=("completed",)),
        "completed of a tenant's workflow": lambda: store.runs.list(
            tenant="small", status=("completed",), workflow="f"
        ),
        "failed of another workflow": lambda: store.runs.list(tenant=EVERY_TENANT, status=("failed",), workflow="g"),
        "waiting of another workflow": lambda: store.runs.list(tenant=None, status=("suspended",), workflow="g"),
        "ready of another workflow": lambda: store.runs.list(tenant=EVERY_TENANT, status=("queued",), workflow="h"),
        "all of another workflow": lambda: store.runs.list(tenant=EVERY_TENANT, workflow="h"),
        "of a thread": lambda: store.runs.list(tenant=None, thread_id="thread"),
        "of a thread of every tenant": lambda: store.runs.list(tenant=EVERY_TENANT, thread_id="thread"),
    }
    await others(counted, 0, FEW)
    small = {name: await instructions(counted, act) for name, act in acts.items()}
    await others(counted, FEW, MANY // 2)
    large = {name: await instructions(counted, act) for name, act in acts.items()}
    assert [name for name in acts if large[name] > small[name] + SLACK] == [], (small, large)


async def ask(counted: CountedStore, tenant: str | None, first: int, last: int) -> None:
    """Questions that were asked and answered, one of each run."""
    for number in range(first, last):
        run_id, question_id = f"asks{tenant}{number}", f"q{tenant}{number}"
        await counted.store.execute(counted.create(run_id, tenant=tenant))
        await counted.store.execute(counted.claim())
        question = Question(
            tenant=tenant, question_id=question_id, run_id=run_id, kind="ask", prompt="?", asked_at=counted.at
        )
        await counted.commit(Lease(tenant, run_id, 1), Ask(question=question))
        await counted.store.execute(
            Answer(tenant=tenant, question_id=question_id, answer=b"1", by=None, at=counted.at, answer_id="a")
        )


@pytest.mark.parametrize("of_others", [False, True])
async def test_questions_cost_the_same_however_many_were_answered(counted: CountedStore, *, of_others: bool) -> None:
    lists = counted.store.questions.list
    tenants: tuple[str | None, ...] = (None, "small")
    acts: dict[str, Act] = {
        f"{name} of {tenant}": act
        for tenant in (*tenants, EVERY_TENANT)
        for name, act in {
            "open": partial(lists, tenant=tenant),
            "the newest": partial(lists, tenant=tenant, open_only=False, limit=5),
            "of a run": partial(lists, tenant=tenant, run_id="asksNone0", open_only=False),
        }.items()
    }
    for tenant in tenants:
        await ask(counted, tenant, 0, 6)
    many = "big" if of_others else None
    await ask(counted, many, 6, 6 + FEW)
    small = {name: await instructions(counted, act) for name, act in acts.items()}
    await ask(counted, many, 6 + FEW, MANY // 3)
    large = {name: await instructions(counted, act) for name, act in acts.items()}
    assert [name for name in acts if large[name] > small[name] + SLACK] == [], (small, large)


async def thread_of(counted: CountedStore, tenant: str | None, number: int) -> None:
    counted.clock.advance(1)
    thread = ThreadRecord(
        tenant=tenant, thread_id=f"t{tenant}{number}", agent="x", owner=f"o{tenant}", created_at=counted.at
    )
    await counted.store.execute(CreateThread(thread=thread))


async def test_threads_of_others_are_not_walked(counted: CountedStore) -> None:
    lists = counted.store.threads.list
    acts: dict[str, Act] = {
        "of no tenant": partial(lists, tenant=None),
        "of a tenant": partial(lists, tenant="small"),
        "of another tenant": partial(lists, tenant="other"),
        "of an owner": partial(lists, tenant=None, owner="oNone"),
        "the newest": partial(lists, tenant=EVERY_TENANT, limit=5),
    }
    for number in range(5):
        for tenant in (None, "small"):
            await thread_of(counted, tenant, number)
    for number in range(FEW):
        await thread_of(counted, "big", number)
    small = {name: await instructions(counted, act) for name, act in acts.items()}
    for number in range(FEW, MANY):
        await thread_of(counted, "big", number)
    large = {name: await instructions(counted, act) for name, act in acts.items()}
    assert [name for name in acts if large[name] > small[name] + SLACK] == [], (small, large)


async def turn(counted: CountedStore, thread_id: str, number: int) -> None:
    run_id = f"{thread_id}:{number}"
    messages = tuple(
        Message(
            message_id=f"{run_id}.{role}",
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


@pytest.mark.slow
async def test_a_turn_costs_the_same_however_long_the_thread(counted: CountedStore) -> None:
    thread = ThreadRecord(thread_id="thread", agent="x", created_at=counted.at)
    await counted.store.execute(CreateThread(thread=thread))
    numbers = iter(range(10_000))

    async def next_turn() -> None:
        await turn(counted, "thread", next(numbers))

    for _ in range(FEW):
        await next_turn()
    small = await instructions(counted, next_turn)
    for _ in range(MANY // 3):
        await next_turn()
    assert await instructions(counted, next_turn) <= small + SLACK


async def test_the_messages_of_a_path_are_two_queries_however_many(counted: CountedStore) -> None:
    await counted.store.execute(CreateThread(thread=ThreadRecord(thread_id="thread", agent="x", created_at=counted.at)))
    found = list[tuple[int, int, int]]()
    for first, last in ((0, 5), (5, 30)):
        for number in range(first, last):
            await turn(counted, "thread", number)
        with counted.counted() as counts:
            messages = await counted.store.messages.path("thread", tenant=None)
        found.append((len(messages), len(counts.statements), counts.instructions))
    assert [(many, statements) for many, statements, _ in found] == [(10, 4), (60, 4)]  # BEGIN and COMMIT among them
    assert (found[1][2] - found[0][2]) / 50 <= 150


@pytest.mark.slow
async def test_a_deletion_of_a_thread_is_commits_of_a_bounded_size(counted: CountedStore) -> None:
    found = list[tuple[int, int]]()
    for thread_id, turns in (("short", 150), ("long", 450)):
        await counted.store.execute(
            CreateThread(thread=ThreadRecord(thread_id=thread_id, agent="x", created_at=counted.at))
        )
        for number in range(turns):
            await turn(counted, thread_id, number)
        delete, statements, is_left = DeleteThread(tenant=None, thread_id=thread_id, at=counted.at), list[int](), True
        while is_left:
            with counted.counted() as counts:
                is_left = await counted.store.execute(delete)
            statements.append(len(counts.statements))
        found.append((len(statements), max(statements)))
    assert [commits for commits, _ in found] == [2, 5]
    assert found[1][1] <= found[0][1] + 5 <= 1_000


@pytest.mark.slow
async def test_the_end_of_a_worker_is_commits_of_a_bounded_size(counted: CountedStore) -> None:
    found = list[tuple[int, int]]()
    for many in (150, 450):
        own: dict[str, Any] = {"worker_id": f"of {many}", "incarnation": "1"}
        await counted.store.execute(RegisterWorker(at=counted.at, lease_for=1e6, **own))
        for number in range(many):
            await counted.store.execute(counted.create(f"{many}:{number}"))
        claim = msgspec.structs.replace(counted.claim(limit=many), **own)
        assert len(await counted.store.execute(claim)) == many
        retire, statements, is_more = RetireWorker(at=counted.at, **own), list[int](), True
        while is_more:
            with counted.counted() as counts:
                is_more = await counted.store.execute(retire)
            statements.append(len(counts.statements))
        found.append((len(statements), max(statements)))
        await counted.store.execute(counted.claim(limit=many))  # so that they are out of the way
    assert [commits for commits, _ in found] == [2, 5]
    assert found[1][1] <= found[0][1] + 5 <= 1_000
