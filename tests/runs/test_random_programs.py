"""Random programs under random deaths and faults, against a model.

A share of all calls of the store is refused, lost or lands twice, the store is away for longer than a lease now and
then, and some threads can't be started. No committed outcome happens twice, no wake-up is lost (every program ends),
nothing diverges, and what comes of it is what the model says.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from random import Random

import pytest

from perdure import Context, Retry, current_step
from perdure.core.ids import new_id
from perdure.core.positions import child
from perdure.core.suspicion import POISONED_AT, SUSPECT_AT
from perdure.core.values import Value
from perdure.errors import ChildFailed, OutcomeError, RunFailed, StepFailed
from perdure.runs.branch import current_branch
from perdure.runs.protocols import StepInfo
from perdure.runs.workflow import Workflow
from perdure.stores import open_store
from perdure.testing.clock import FakeClock
from perdure.testing.dying import Death
from perdure.testing.faulty import Fault, FaultyStore, random_faults
from tests.runs.cluster import Cluster
from tests.runs.programs import Failed, Node, Program, events_of, expected, generate
from tests.thread_starts import random_thread_starts, thread_starts_fail

PROGRAMS = int(os.environ.get("PERDURE_FUZZ", "1000"))
BATCHES = 20
LEASE_FOR = 3.0
MAX_DEATHS = SUSPECT_AT + POISONED_AT - 1  # one more, with no step between them, may rightly be poison
LIVES = 40
FAULTS = 0.03  # of a worker's calls of the store
FAILED_STARTS = 0.2  # of its threads
OUTAGES = 0.02  # of the moments at which one may begin

# Seeds that once found a bug.
REGRESSIONS = [10, 1956]


class Machine:
    """Runs one program, and watches what it really does."""

    def __init__(self, seed: int, cluster: Cluster) -> None:
        self.random = Random(f"deaths of {seed}")
        self.program = generate(seed)
        self.cluster = cluster
        self.twice = list[str]()
        self.seen = dict[tuple[str, str], tuple[Value, ...]]()
        self.workflow: Workflow[..., list[Value]] = cluster.workflow(self.perform, name="program")
        self.is_peace = False
        self._faults = random_faults(Random(f"faults of {seed}"), FAULTS)
        self._outages = Random(f"outages of {seed}")
        self._thread_starts = random_thread_starts(Random(f"threads of {seed}"), FAILED_STARTS)

    def fault(self, name: str) -> Fault | None:
        """Until there is peace, a share of all calls is refused, lost on its way there or back, or lands twice."""
        return None if self.is_peace else self._faults(name)

    def fails_to_start(self, name: str) -> bool:
        """And some threads can't be started."""
        return not self.is_peace and self._thread_starts(name)

    async def perform(self, ctx: Context, program: Program) -> list[Value]:
        return [await self._node(ctx, node) for node in program]

    async def _node(self, ctx: Context, node: Node) -> Value:
        if node.kind == "do":
            return await self._step(ctx, node)
        if node.kind == "nap":
            return await ctx.sleep(node.seconds)
        if node.kind == "hear":
            return await ctx.await_event(node.name)
        if node.kind == "look":
            now = await ctx.now()
            self._same(ctx, now, ctx.uuid(), ctx.random().random())
            return None
        if node.kind == "both":
            found = await ctx.gather(*(self._step(ctx, step) for step in node.bodies[0]))
            return [[value] for value in found]
        if node.kind == "fork":
            return await ctx.gather(*(partial(self.perform, ctx, body) for body in node.bodies))
        if node.kind == "each":
            return await ctx.map(lambda _: self.perform(ctx, node.bodies[0]), range(node.count), limit=node.limit)
        if node.kind == "guard":
            try:
                return await self.perform(ctx, node.bodies[0])
            except OutcomeError as error:
                return f"caught {_failed(error)}"
        born = await ctx.start(self.workflow, node.bodies[0])
        return await born.result()

    def _step(self, ctx: Context, node: Node) -> Value:
        attempts = node.fails if node.for_good else node.fails + 1
        retry = Retry(attempts=attempts, initial=0.1, multiplier=20.0, jitter=False)
        effect = self._effect_in_thread if node.in_thread else self._effect
        return ctx.step(node.name, effect, node, asyncio.get_running_loop(), retry=retry)

    def _effect_in_thread(self, node: Node, loop: asyncio.AbstractEventLoop) -> str:
        step = current_step()
        assert step is not None
        asyncio.run_coroutine_threadsafe(self._look(step), loop).result()
        return self._outcome(node, step)

    async def _effect(self, node: Node, _: asyncio.AbstractEventLoop) -> str:
        step = current_step()
        assert step is not None
        await self._look(step)
        if self.random.random() < 0.3:
            await self.cluster.sleep(self.random.choice([0.01, 0.3, 1.5]))
        return self._outcome(node, step)

    async def _look(self, step: StepInfo) -> None:
        """An effect begins: its outcome is not committed yet."""
        recorded = {one.position: one.status for one in await self.cluster.store.steps.list(step.run_id, tenant=None)}
        if recorded.get(step.position) in {"completed", "failed"} and not self.may_repeat():
            self.twice.append(f"{step.run_id} {step.position}")

    @staticmethod
    def _outcome(node: Node, step: StepInfo) -> str:
        # a death in an attempt uses it up, so a step that is to fail for good fails however often it is tried
        if node.for_good or step.attempt <= node.fails:
            raise ValueError(node.name)
        return node.name

    def may_repeat(self) -> bool:
        """Whether the worker that runs an effect may rightly not know that it was committed."""
        return False

    def _same(self, ctx: Context, *values: Value) -> None:
        """What was derived or recorded once is the same in every replay."""
        branch = current_branch.get()
        assert branch is not None
        known = self.seen.setdefault((ctx.run_id, child(branch.prefix, branch.next_number)), values)
        if known != values:
            self.twice.append(f"{ctx.run_id}: {known} became {values}")

    async def play(self) -> str:
        """The program's end: its result, or its failure."""
        cluster, random = self.cluster, self.random
        run = await cluster.client.start(self.workflow, self.program, run_id=new_id("run"))
        late = list(events_of(self.program))
        random.shuffle(late)
        deaths = random.randint(0, MAX_DEATHS)
        for life in range(LIVES):
            death = Death(random.randint(0, 12), random.choice(["before", "landed"])) if life < deaths else None
            faulty, away_until = FaultyStore(cluster.store, self.fault), 0.0
            simulated = await cluster.start_worker(store=faulty, death=death, lease_for=LEASE_FOR)
            for _ in range(400):
                if self._outages.random() < OUTAGES:
                    away_until = cluster.clock.elapsed() + self._outages.uniform(1.0, 3.0) * LEASE_FOR
                faulty.is_down = cluster.clock.elapsed() < away_until
                if late and random.random() < 0.3:
                    key = late.pop()
                    await run.emit_event(key, f"heard {key}")
                await cluster.clock.advance(0.5)
                record = await run.record()
                if record.status in {"completed", "failed"}:
                    return await end_of(run.result())
                if simulated.process.is_dead:
                    break
            await cluster.kill()
            await cluster.clock.advance(LEASE_FOR)
        return f"never ended: {(await run.record()).status}"


async def end_of(result: Value) -> str:
    """What came of a run: its value as text, or its failure."""
    try:
        return repr(await result)
    except RunFailed as error:
        return f"failed {error.cause_type} {error.message}"


def _failed(error: OutcomeError) -> str:
    """The name of the step that a failure is about, through any number of children."""
    if isinstance(error, StepFailed):
        return error.message
    assert isinstance(error, ChildFailed)
    return error.message.rpartition(": ")[2]


def model_of(program: Program) -> str:
    try:
        return repr(expected(program))
    except Failed as error:
        return f"failed {error}"


async def check(seed: int) -> str | None:
    """What is wrong with the program of a seed, or None."""
    clock = FakeClock()
    cluster = Cluster(await open_store("memory:", clock=clock), clock, "memory:")
    return await fault_of(seed, Machine(seed, cluster))


async def fault_of(seed: int, machine: Machine) -> str | None:
    """Play a machine to its end; what is wrong then, or None."""
    try:
        with thread_starts_fail(machine.fails_to_start):
            came, meant = await machine.play(), model_of(machine.program)
    finally:
        await machine.cluster.close()
    if came.startswith("failed ") and meant.startswith("failed "):
        came = f"failed {came.split()[-1]}"
    if came != meant:
        return f"seed {seed}: came to {came}, meant {meant}"
    return f"seed {seed}: happened twice: {machine.twice}" if machine.twice else None


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.timeout(120 + PROGRAMS)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", range(BATCHES))
async def test_random_programs_under_random_deaths_do_what_the_model_says(batch: int) -> None:
    faults = [fault for seed in range(batch, PROGRAMS, BATCHES) if (fault := await check(seed))]
    assert faults == []


@pytest.mark.parametrize("seed", REGRESSIONS)
async def test_what_was_once_found_stays_mended(seed: int) -> None:
    assert await check(seed) is None
