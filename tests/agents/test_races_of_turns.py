"""Whatever happens to a turn while a commit of it is on its way, its message, its stream and its thread end whole.

Each test tries each commit of a turn, and each phase of it, on each store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from perdure import Agent, App, Retry, Thread, ToolContext, Turn, tool
from perdure.core.fold import Fold
from perdure.core.messages import Message, ToolCallPart
from perdure.core.operations import CancelRun, Operation
from perdure.core.records import RunStatus
from perdure.core.threads import ThreadStatus
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.interleaving import PHASES, Interleaving, InterleavingStore, Moment, Phase
from perdure.testing.scripted import Entry, ScriptedModel, call, calls, fail, say

MAX_COMMITS = 40
MESSAGE_STATUS: dict[RunStatus, str] = {"completed": "complete", "failed": "failed", "cancelled": "stopped"}
THREAD_STATUS: dict[RunStatus, ThreadStatus] = {"completed": "completed", "failed": "failed", "cancelled": "stopped"}
LATER = [say("And so on.")] * 9


pytestmark = pytest.mark.slow
ran: set[tuple[str, str]] = set()
"""(run id, call id) of each call whose tool was called."""


@tool
async def look(ctx: ToolContext, place: str) -> str:
    """Look; may be repeated, but does not say so."""
    ran.add((ctx.run_id, ctx.call_id))
    return f"seen {place}"


@tool(read_only=True)
async def count(ctx: ToolContext, place: str) -> int:
    """Count."""
    ran.add((ctx.run_id, ctx.call_id))
    return len(place)


TWO_CALLS: list[Entry] = [calls(call("look", place="here"), call("count", place="there")), say("Done it.")]
CALL_AFTER_CALL: list[Entry] = [
    calls(say("First."), call("look", place="here")),
    call("look", place="there"),
    say("So."),
]
FAILS_FIRST: list[Entry] = [
    [say("Half a"), fail(ConnectionError("gone"))],
    calls(say("A call."), call("count", place="x")),
    say("End."),
]
SCRIPTS = {"two calls": TWO_CALLS, "call after call": CALL_AFTER_CALL, "a failure first": FAILS_FIRST}


class InterleavedApp(App):
    """An app whose worker's commits may be held on their way; it asks by a store of its own."""

    held: InterleavingStore

    async def open_store(self) -> Store:
        self.held = InterleavingStore(await open_store(self.url, clock=self.clock))
        return self.held


class Turns:
    """Turns of one script, one for each of its commits; `act` gets the turn while that is on its way."""

    def __init__(self, app: InterleavedApp, clock: FakeClock, phase: Phase) -> None:
        self.app = app
        self.clock = clock
        self.phase: Phase = phase

    async def each(
        self, act: Callable[[Thread, Turn], Awaitable[object]]
    ) -> AsyncIterator[tuple[Thread, Turn, Interleaving]]:
        """Send a message for each commit that its turn makes, and let the turn end."""
        for number in range(MAX_COMMITS):
            thread, sent = await self.app.threads.create("agent"), list[Turn]()

            async def happen(_: tuple[Operation, ...], thread: Thread = thread, sent: list[Turn] = sent) -> None:
                await act(thread, sent[0])

            planned = self.app.held.interleave(Moment(number, self.phase), happen)
            sent.append(await thread.send("go"))
            await self.clock.until(self.app.run(sent[0].run_id).wait())
            yield thread, sent[0], planned
            if not planned.has_happened:
                assert number, "the turn makes no commit"
                return
        raise AssertionError(f"more than {MAX_COMMITS} commits")

    async def is_whole(self, thread: Thread, turn: Turn, what: object) -> Message:
        """See a turn that has ended told in the same way everywhere, and the next message of its thread answered."""
        message, record = await turn.message(), await turn.record()
        chunks = [chunk async for chunk in turn.stream()]
        fold = Fold().add_all(chunks)
        kinds = [chunk.kind for chunk in chunks]
        assert (kinds.count("finish"), kinds[-1]) == (1, "finish"), what
        assert (fold.text, fold.gaps) == (message.text, 0), what
        assert message.status == MESSAGE_STATUS[record.status], what
        assert (await thread.record()).status == THREAD_STATUS[record.status], what
        calls_made = {place: part for place, part in enumerate(message.parts) if isinstance(part, ToolCallPart)}
        whole = {place: part for place, part in calls_made.items() if part.error_code != "model_cut_off"}
        assert {part.state for part in calls_made.values()} <= {"completed", "failed", "in_doubt"}, what
        never_ran = {part.call_id for part in whole.values() if part.state == "failed"}
        assert not never_ran & {call_id for run_id, call_id in ran if run_id == turn.run_id}, what
        assert {chunk.part for chunk in fold.chunks if chunk.kind == "tool_result"} == whole.keys(), what
        return message

    async def goes_on(self, thread: Thread, what: object) -> None:
        """See the thread's next message answered."""
        after = await thread.send("and now?")
        assert (await self.clock.until(after.result())).status == "complete", what


@pytest.fixture(params=PHASES)
def phase(request: pytest.FixtureRequest) -> Phase:
    return request.param


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/turns.db"


@pytest.fixture(params=SCRIPTS)
async def turns(request: pytest.FixtureRequest, phase: Phase, url: str) -> AsyncIterator[Turns]:
    clock = FakeClock()
    model = ScriptedModel([*SCRIPTS[request.param], *LATER])
    agent = Agent("agent", model=model, tools=[look, count], retry=Retry(attempts=3))
    app = InterleavedApp(url, agents=[agent], clock=clock, grace=0.0)
    await app.__aenter__()
    yield Turns(app, clock, phase)
    await clock.until(app.__aexit__(None, None, None))


async def test_a_stop_leaves_a_turn_whole_whatever_was_on_its_way_when_it_came(turns: Turns) -> None:
    async def stop(_: Thread, turn: Turn) -> None:
        at = turns.clock.now()
        await turns.app.store.execute(CancelRun(tenant=None, run_id=turn.run_id, at=at, within=5.0, reason="enough"))

    ended = set[str]()
    async for thread, turn, planned in turns.each(stop):
        message = await turns.is_whole(thread, turn, planned.operations)
        await turns.goes_on(thread, planned.operations)
        ended.add(message.status)
    assert ended == {"complete", "stopped"}
