"""What a commit's decision asks of its store: each row once, whatever the number of its operations on it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from perdure.core.decisions import Draft
from perdure.core.decisions.reads import Read, WriteDraft
from perdure.stores.memory import MemoryStore
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite import StoreHarness
from perdure.testing.store_suite.thread_operations import text


class AskedStore(MemoryStore):
    """A store that counts what the decisions of holders ask for."""

    asked: Counter[str]

    def _read(self, draft: Draft, request: Read) -> Any:
        if not isinstance(request, WriteDraft):
            self.asked[type(request).__name__] += 1
        return super()._read(draft, request)


async def test_the_commits_of_a_turn_read_each_row_once() -> None:
    async def open_(url: str, *, clock: ManualClock) -> AskedStore:
        return AskedStore(url, clock=clock)

    clock = ManualClock()
    store = await open_("memory:", clock=clock)
    store.asked = Counter()
    harness = StoreHarness(store, "memory:", "perdure.stores:open_store", open_, clock)
    lease = await harness.replying()

    store.asked.clear()
    said = (harness.put_parts("reply-run", 0, *text("a")), harness.set_message("reply-run", model="m"))
    await harness.commit(lease, harness.step(), *said, harness.usage(), harness.replace(1))
    assert store.asked == Counter(("GetRun", "GetStep", "GetMessage", "GetHead"))

    store.asked.clear()
    await harness.commit(
        lease, harness.set_message("reply-run", status="complete"), harness.append(2), harness.finish()
    )
    assert store.asked == Counter(("GetRun", "GetMessage", "GetHead", "GetUnanswered", "GetThread"))
    await harness.close()
