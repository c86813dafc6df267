"""The kill matrix: a process dies at every place that a reference turn passes, and another one finishes the turn.

The cells are made from a recorded execution: each store call before it, when it has landed and nobody knows, and after
it; each effect before, inside and after it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from perdure.core.fold import Fold
from perdure.core.messages import ToolCallPart
from perdure.core.positions import sort_key
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.streams import follow
from perdure.testing.crashing import PHASES, CrashPoint
from tests.chaos.reference import ANSWER, THREAD, Ledger, play_in_process

KEPT = Path(__file__).parent / "reference_labels.txt"
AT_ONCE = 4
# How often a worker looks for work depends on when it is told of some, and whether it looks once more at what it has
# begun on how long that takes: not to come to the last time is no fault.
TIMED = {"commit Claim", "read queues.next_due", "read runs.inboxes"}

_children = multiprocessing.get_context("forkserver")


def run_child(url: str, ledger: Path, point: CrashPoint | None, labels: Path | None = None) -> int:
    """Play the turn in a process of its own; its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            play_in_process(url, ledger, point, labels)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def recorded() -> list[str]:
    return KEPT.read_text(encoding="utf-8").splitlines()


def players() -> ProcessPoolExecutor:
    """Processes without threads or loops, which may fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.reference"])
    return ProcessPoolExecutor(AT_ONCE, mp_context=context)


def kind_of(label: str) -> str:
    """A label without its number."""
    return label.partition(" #")[0]


async def committed(store: Store) -> dict[str, str]:
    """The steps with an outcome, by position."""
    found = dict[str, str]()
    for run in await store.runs.list(tenant=None):
        for step in await store.steps.list(run.run_id, tenant=None):
            if step.status in {"completed", "failed"}:
                found[step.position] = step.name
    return found


async def committed_at(url: str) -> dict[str, str]:
    store = await open_store(url)
    try:
        return await committed(store)
    finally:
        await store.close()


def play_cell(folder: Path, number: int, point: CrashPoint) -> list[str]:
    """Die at the point, finish in another process, and say what is wrong then."""
    url, ledger = f"sqlite:///{folder}/{number}.db", Ledger(folder / f"{number}.ledger")
    path = folder / f"{number}.ledger"
    died = run_child(url, path, point)
    if died != -signal.SIGKILL:
        is_timed = died == 0 and kind_of(point.label) in TIMED
        return [] if is_timed else [f"{point}: was not reached (exit {died})"]
    before, known = ledger.read(), asyncio.run(committed_at(url))
    ended = run_child(url, path, None)
    if ended != 0:
        return [f"{point}: the second process ended with {ended}"]
    after = ledger.read()[len(before) :]
    wrong = [f"committed step {entry.position} ran again" for entry in after if entry.position in known]
    keys = Counter(entry.key for entry in ledger.read() if entry.what == "note" and entry.moment == "start")
    wrong += [f"the undeclared tool ran {times} times" for times in keys.values() if times > 1]
    wrong += asyncio.run(examine(url, {entry.key for entry in ledger.read() if entry.what == "book"}))
    return [f"{point}: {fault}" for fault in wrong]


async def examine(url: str, book_keys: set[str]) -> list[str]:
    """What is wrong with the finished turn."""
    store, wrong = await open_store(url), list[str]()
    try:
        thread = await store.threads.get(THREAD, tenant=None)
        assert thread is not None
        assert thread.run_id is not None
        messages = await store.messages.path(THREAD, tenant=None)
        fold = Fold()
        async for chunk in follow(store, thread.run_id, tenant=None):
            fold.add(chunk)
        steps = await store.steps.list(thread.run_id, tenant=None)
        reply = messages[-1]
        states = {part.tool: part.state for part in reply.parts if isinstance(part, ToolCallPart)}
        expected = {
            "the thread is completed": thread.status == "completed",
            "there are two messages": len(messages) == 2,
            "the reply is complete": (reply.status, reply.text) == ("complete", ANSWER),
            "the stream says what the message says": (fold.text, fold.gaps) == (ANSWER, 0),
            "the declared tools completed": (states["look"], states["book"]) == ("completed", "completed"),
            "the undeclared one completed or is in doubt": states["note"] in {"completed", "in_doubt"},
            "one key for every attempt": len(book_keys) == 1,
            "each step has its outcome": all(step.status in {"completed", "failed"} for step in steps),
            "positions are unique": len({step.position for step in steps}) == len(steps),
            "positions are in order": steps == sorted(steps, key=lambda step: sort_key(step.position)),
            "no worker is left": await store.workers.list() == [],
        }
        edges = [event.body for event in await store.threads.events(THREAD, tenant=None) if event.kind == "status"]
        chained = all(one["to"] == two["from"] for one, two in pairwise(edges))
        expected["each status comes from the one before"] = chained
        wrong += [f"not so: {promise}" for promise, holds in expected.items() if not holds]
    finally:
        await store.close()
    return wrong


@pytest.mark.slow
@pytest.mark.chaos
def test_the_store_is_called_at_labelled_places_only(tmp_path: Path) -> None:
    """A new call of the store is a new place to die: add its label to the kept list, and the matrix grows by it."""
    passed = set[str]()
    for number in range(3):
        labels = tmp_path / f"{number}.labels"
        with players() as pool:
            played = pool.submit(run_child, f"sqlite:///{tmp_path}/{number}.db", tmp_path / "ledger", None, labels)
            assert played.result() == 0
        passed |= {kind_of(label) for label in labels.read_text(encoding="utf-8").splitlines()}
    known = {kind_of(label) for label in recorded()}
    assert passed <= known
    assert known - passed <= TIMED


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_whoever_dies_anywhere_is_finished_by_another(tmp_path: Path) -> None:
    points = [CrashPoint(label, phase) for label in recorded() for phase in PHASES]
    assert len(points) == 3 * len(recorded())
    with players() as pool:
        cells = pool.map(partial(play_cell, tmp_path), range(len(points)), points)
        faults = [fault for cell in cells for fault in cell]
    assert faults == []
