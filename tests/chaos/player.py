"""What the child processes of the chaos tests do: `python -m tests.chaos.player ACTION URL LEDGER [ARGUMENT…]`.

A child says `ready` when it works (a worker in trouble: when it begins to start), then what its action says, a line
each; it ends politely when its input ends. Every effect goes to the ledger, a file outside the store, in the order in
which it really happened.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from perdure import Context, Manifest, TaskSpec, Worker, Workflow, current_step, open_store, run_durable
from perdure.core.clock import SystemClock
from perdure.errors import LeaseHeld, PerdureError
from perdure.runs.access import Access
from perdure.runs.handles import Run
from perdure.runs.lease_holder import LeaseHolder
from perdure.runs.starting import creation
from perdure.runs.workflow import Workflows
from perdure.stores.port import Store
from perdure.testing.faulty import FaultyStore, no_faults, random_faults
from tests.chaos.processes import damage
from tests.thread_starts import random_thread_starts, thread_starts_fail

FAULTS = 0.03  # of the calls of a worker that is in trouble
FAILED_STARTS = 0.1  # of its threads


class Entry(msgspec.Struct, frozen=True):
    """One effect: what, where in which run, under which token, by which process."""

    what: str
    run_id: str
    position: str
    token: int
    pid: int


class Ledger:
    """A file that survives whoever writes it; a line is written by one system call, so none is torn."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def write(self, what: str) -> None:
        """An effect happens, in the running step."""
        step = current_step()
        assert step is not None
        entry = Entry(what, step.run_id, step.position, step.token, os.getpid())
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, msgspec.json.encode(entry) + b"\n")
        os.close(handle)

    def entries(self) -> list[Entry]:
        """All effects so far."""
        if not self.path.exists():
            return []
        return [msgspec.json.decode(line, type=Entry) for line in self.path.read_bytes().splitlines()]


def say(what: object) -> None:
    """Write a line."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def told_to_end() -> None:
    """Until the input ends."""
    await asyncio.to_thread(sys.stdin.read)


def named(what: str, count: int) -> list[str]:
    """`what 0`, `what 1`…"""
    return [f"{what} {number}" for number in range(count)]


class Flows:
    """What the workers of these tests can do."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def effect(self, what: str) -> str:
        self.ledger.write(what)
        await asyncio.sleep(0.004)
        return what

    async def journey(self, ctx: Context, legs: int) -> list[str]:
        """Steps one after the other and side by side, branches that sleep, and a wait."""
        seen = [await ctx.step("leg", self.effect, what) for what in named("leg", legs)]

        async def branch(what: str) -> str:
            first = await ctx.step("first", self.effect, what)
            await ctx.sleep(0.02)
            return first + await ctx.step("second", self.effect, what.upper())

        seen += await ctx.gather(*[ctx.step("side", self.effect, what) for what in named("side", 3)])
        seen += await ctx.map(branch, named("branch", 4), limit=2)
        seen.append(str(await ctx.await_event("go")))
        seen += [await ctx.step("late", self.effect, what) for what in named("late", legs)]
        return seen

    async def stalls(self, ctx: Context, flag: str) -> list[str]:
        """A step that ends when a file is there, and steps after it."""

        async def until_flag() -> str:
            self.ledger.write("waits")
            while not Path(flag).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
                await asyncio.sleep(0.01)
            self.ledger.write("sees")
            return f"by token {ctx.token}"

        seen = [await ctx.step("before", self.effect, "before"), await ctx.step("until flag", until_flag)]
        seen += [await ctx.step("after", self.effect, what) for what in named("after", 3)]
        return seen

    async def waits(self, ctx: Context) -> Any:
        """An event."""
        return await ctx.await_event("go")

    async def hangs(self, ctx: Context) -> None:
        """A step without an end."""
        await ctx.step("hangs", asyncio.Event().wait)


def workflows(ledger: Ledger) -> Workflows:
    """Those of this ledger."""
    flows, found = Flows(ledger), Workflows()
    for function in (flows.journey, flows.stalls, flows.waits, flows.hangs):
        found.add(Workflow[..., Any](function))
    return found


async def start(store: Store, name: str, run_id: str, *args: Any) -> Run[Any]:
    """Start a run of one of the workflows."""
    clock, workflow = SystemClock(), workflows(Ledger("/dev/null")).get(name)
    await store.execute(creation(workflow, workflow.manifest(args, {}), run_id=run_id, at=clock.now()))
    return Run(Access(store=store, clock=clock), run_id)


class InTrouble:
    """What the store and the threads of a worker meet: faults of a seed, and outages of up to three leases."""

    def __init__(self, inner: Store, seed: str, lease_for: float) -> None:
        self.random = Random(seed)
        self.lease_for = lease_for
        self.store = FaultyStore(inner, random_faults(Random(f"faults of {seed}"), FAULTS))
        self._thread_starts = random_thread_starts(Random(f"threads of {seed}"), FAILED_STARTS)

    @asynccontextmanager
    async def lasts(self) -> AsyncGenerator[None]:
        """In trouble meanwhile, and not after."""
        outages = asyncio.ensure_future(self._outages())
        with thread_starts_fail(self._thread_starts):
            yield
        outages.cancel()
        self.store.is_down, self.store.choose = False, no_faults

    async def _outages(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.0, 3 * self.lease_for))
            with self.store.outage():
                await asyncio.sleep(self.random.uniform(0.0, 3 * self.lease_for))


async def work(url: str, ledger: str, lease_for: str = "30", worker_id: str = "", trouble: str = "") -> None:
    """Be a worker, until told to end; say its id. One that stands still loses its runs when its lease has ended.

    Shape: `trouble` is the seed of what its store and its threads meet; none without one.
    """
    opened = await open_store(url)
    in_trouble = InTrouble(opened, trouble, float(lease_for)) if trouble else None
    store = in_trouble.store if in_trouble is not None else opened
    worker = Worker(
        store,
        workflows(Ledger(ledger)),
        lease_for=float(lease_for),
        stall_limit=float(lease_for),
        worker_id=worker_id or None,
        grace=5.0,
    )
    if in_trouble is None:
        await worker.start()
    say("ready")
    async with in_trouble.lasts() if in_trouble is not None else nullcontext():
        await worker.start()  # in trouble too; nothing happens where it has started
        say(worker.worker_id)
        await told_to_end()
    await worker.stop()
    say(worker.worker_id)
    await store.close()


async def drive(url: str, ledger: str, name: str, argument: str, lease_for: str, worker_id: str) -> None:
    """Drive the run `run` by run_durable, and say how that ended. See `work` for one that stands still."""
    store = await open_store(url)
    given = LeaseHolder.__init__.__kwdefaults__  # run_durable leaves its stall limit as it is
    assert given is not None
    given["stall_limit"] = float(lease_for)
    workflow = workflows(Ledger(ledger)).get(name)
    manifest = Manifest(task=TaskSpec(id=name), input=argument)
    say("ready")
    try:
        done = await run_durable(
            run_id="run",
            store=store,
            task=workflow.function,
            manifest=manifest,
            lease_for=float(lease_for),
            worker_id=worker_id,
        )
    except PerdureError as error:
        say(f"{type(error).__name__} {error}")
    else:
        say(f"done {msgspec.json.encode(done.result).decode()}")
    await store.close()


async def race(url: str, ledger: str, worker_id: str) -> None:
    """Start one run together with others, at a line; say who has it."""
    store = await open_store(url)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def task(ctx: Context) -> int:
        async def effect() -> int:
            Ledger(ledger).write("raced")
            await asyncio.sleep(1.0)
            return os.getpid()

        return await ctx.step("effect", effect)

    manifest = Manifest(task=TaskSpec(id="race"))
    try:
        done = await run_durable(run_id="run", store=store, task=task, manifest=manifest, worker_id=worker_id)
    except LeaseHeld as held:
        say(f"held by {held.holder}")
    else:
        say(f"won {done.result}")
    await store.close()


async def emit(url: str, ledger: str, run_id: str, payload: str) -> None:
    """Emit one event at a line, and say whether it was the first."""
    store = await open_store(url)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    accepted = await Run(Access(store=store, clock=SystemClock()), run_id).emit_event("go", payload)
    say(f"{accepted} {payload}")
    await store.close()


async def load(url: str, ledger: str, seconds: str) -> None:
    """Commit steps one after the other at full speed; say how many, and the milliseconds that one took, as JSON."""
    store = await open_store(url)
    took: list[float] = []
    said_at = [0.0]

    async def task(ctx: Context) -> int:
        async def nothing() -> None:
            return None

        until = time.monotonic() + float(seconds)
        while time.monotonic() < until:
            began = time.perf_counter()
            await ctx.step("nothing", nothing)
            took.append((time.perf_counter() - began) * 1000)
        said_at[0] = time.monotonic()
        return ctx.token

    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    manifest = Manifest(task=TaskSpec(id="load"))
    done = await run_durable(run_id=f"load {os.getpid()}", store=store, task=task, manifest=manifest, lease_for=2.0)
    took.sort()
    of = {"commits": len(took), "p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)], "worst": took[-1]}
    say(msgspec.json.encode(of | {"token": done.result, "steps": len(done.steps)}).decode())
    await store.close()


class Filling:
    """A run with 20 steps of 20 kB each."""

    def __init__(self, ledger: str, pause: float = 0.0) -> None:
        self.ledger = Ledger(ledger)
        self.pause = pause

    async def big(self, what: str) -> str:
        self.ledger.write(what)
        await asyncio.sleep(self.pause)
        return "x" * 20_000

    async def task(self, ctx: Context) -> int:
        for what in named("big", 20):
            await ctx.step("big", self.big, what)
        return ctx.token

    def start(self, store: Store) -> asyncio.Task[Any]:
        manifest = Manifest(task=TaskSpec(id="fill"))
        return asyncio.ensure_future(run_durable(run_id="run", store=store, task=self.task, manifest=manifest))


async def refusal(store: Store) -> str:
    """What is said to somebody who wants to write now."""
    try:
        await start(store, "waits", "refused")
    except PerdureError as error:
        return f"{type(error).__name__} {error}"
    return "it was written"


async def fill(url: str, ledger: str, ballast: str) -> None:
    """Commit until the disk is full; then remove the ballast, and go on. Say what came."""
    store = await open_store(url)
    say("ready")
    driving = Filling(ledger).start(store)
    await asyncio.sleep(2.0)
    say(f"ended {driving.done()}")
    say(await refusal(store))
    Path(ballast).unlink()  # noqa: ASYNC240 - a moment in a test
    done = await driving
    say(f"done {done.result} {len(done.steps)}")
    await store.close()
    say(f"damage {damage(Path(url.removeprefix('sqlite:///')))}")


async def unsynced(url: str, ledger: str, flag: str) -> None:
    """Commit while fsync begins to fail, and works again a second later. Say what came."""
    store = await open_store(url)
    say("ready")
    driving = Filling(ledger, pause=0.01).start(store)
    if flag:
        await asyncio.sleep(0.1)
        Path(flag).touch()  # noqa: ASYNC240 - a moment in a test
        say(await refusal(store))
        await asyncio.sleep(1.0)
        say("ended" if driving.done() else "still running")
        Path(flag).unlink()  # noqa: ASYNC240 - a moment in a test
    done = await driving
    say(f"done {done.result} {len(done.steps)}")
    await store.close()


ACTIONS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
    action.__name__: action for action in (work, drive, race, emit, load, fill, unsynced)
}

if __name__ == "__main__":
    asyncio.run(ACTIONS[sys.argv[1]](*sys.argv[2:]))
