"""What a commit costs: statements, and pages of the log."""

from __future__ import annotations

from perdure.core.chunks import Chunk, Entry, chunk_entry
from perdure.core.compaction import compact
from perdure.core.operations import AppendEntries, Claim, Emit, FinishRun, ReplaceLane, SuspendRun
from perdure.core.records import Lease
from tests.stores.costs.counting import CountedStore

PAGE = 4096


def delta(seq: int, lane: str = "0") -> AppendEntries:
    return AppendEntries((chunk_entry(Chunk(kind="text", text="hello ", part=0), lane, seq, seq),))


async def alone(counted: CountedStore) -> Lease:
    """A run that has the store for itself: its commits go the short way."""
    lease = await counted.running("run")
    await counted.commit(lease, counted.step(0))
    return lease


async def test_a_step_of_a_single_run_is_one_statement(counted: CountedStore) -> None:
    lease = await alone(counted)
    with counted.counted() as counts:
        for number in range(1, 51):
            await counted.commit(lease, counted.step(number))
    assert len(counts.statements) == 50


async def test_a_step_of_a_single_run_writes_one_page_and_sometimes_another(counted: CountedStore) -> None:
    lease = await alone(counted)
    before = counted.pages()
    for number in range(1, 201):
        await counted.commit(lease, counted.step(number))
    assert (counted.pages() - before) / 200 <= 1.2


async def test_a_result_of_a_kibibyte_costs_one_and_a_half_times_itself(counted: CountedStore) -> None:
    lease = await alone(counted)
    before = counted.writing.pragma("page_count")
    for number in range(1, 301):
        await counted.commit(lease, counted.step(number, b"x" * 1024))
    stored = (counted.writing.pragma("page_count") - before) * PAGE
    assert stored / (300 * 1024) <= 1.5


async def test_a_result_of_a_kibibyte_writes_its_own_page_and_now_and_then_another(counted: CountedStore) -> None:
    lease = await alone(counted)
    before = counted.pages()
    for number in range(1, 301):
        await counted.commit(lease, counted.step(number, b"x" * 1024))
    assert (counted.pages() - before) / 300 <= 1.7


async def test_a_delta_is_one_statement_and_one_page(counted: CountedStore) -> None:
    lease = await alone(counted)
    before = counted.pages()
    with counted.counted() as counts:
        for seq in range(1, 101):
            await counted.commit(lease, delta(seq))
    assert len(counts.statements) == 100
    assert (counted.pages() - before) / 100 <= 1.1  # now and then one is split


async def test_a_delta_beside_other_runs_costs_no_notice(counted: CountedStore) -> None:
    lease = await counted.running("run")
    await counted.running("other")
    await counted.commit(lease, delta(1), counted.step(0))
    assert counted.writing.execute("SELECT topics FROM notices WHERE topics LIKE '%stream:%'").fetchall() == []


async def test_the_end_of_a_streaming_step_costs_no_look_at_its_deltas(counted: CountedStore) -> None:
    lease, counts = await alone(counted), list[int]()
    head = 0
    for lane, many in (("1", 10), ("2", 400)):
        opened = head + 1
        for _ in range(many):
            head += 1
            await counted.commit(lease, delta(head, lane))
        entry: Entry = compact(lane, head + 1, [Chunk(kind="text", text="hello", seq=opened)])
        with counted.counted() as count:
            await counted.commit(lease, ReplaceLane(entry, opened), counted.step(int(lane)))
        head += 1
        counts.append(len(count.statements))
    assert counts[0] == counts[1] <= 14


async def test_the_life_of_a_single_run_writes_few_pages(counted: CountedStore) -> None:
    await counted.running("before")
    before = counted.pages()
    lease = await counted.running("run")
    created_and_claimed = counted.pages() - before
    await counted.commit(lease, SuspendRun(inbox=0, at=counted.at, waiting_for=("event:go",)))
    suspended = counted.pages() - before - created_and_claimed
    await counted.store.execute(
        Emit(tenant=None, run_id="run", key="event:go", payload=b"1", at=counted.at, emit_id="e")
    )
    claim: Claim = counted.claim()
    await counted.store.execute(claim)
    woken = counted.pages() - before - created_and_claimed - suspended
    await counted.commit(Lease(None, "run", 2), FinishRun(status="completed", at=counted.at, result=b"1"))
    finished = counted.pages() - before - created_and_claimed - suspended - woken
    assert created_and_claimed <= 13
    assert suspended <= 5
    assert woken <= 13
    assert finished <= 5
