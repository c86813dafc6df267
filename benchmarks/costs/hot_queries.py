"""The plans of what is asked all the time: turns with tools, steps, waits, children, questions, and every list."""

from __future__ import annotations

from pathlib import Path

from benchmarks.costs.limits import Sizes
from benchmarks.costs.meter import Meter, connections
from benchmarks.costs.plans import plan, queries, scans, sorts
from benchmarks.costs.writes import suspended
from perdure import Agent, App, Context
from perdure.core.records import RunStatus
from perdure.runs.doctor import examine
from perdure.stores.port import EVERY_TENANT
from perdure.testing.scripted import ScriptedModel, call, say

STATUSES: tuple[tuple[RunStatus, ...], ...] = ((), ("failed",), ("queued", "running", "suspended"), ("completed",))
FEWEST = 60
"""What is asked all the time is at least so many statements; fewer, and this looks at nothing."""


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: how many statements were seen, and in how many lines of their plans rows are scanned, or sorted."""
    path = folder / "plans.db"
    agent = Agent("looks", model=ScriptedModel([call("look", at="it"), say("Done.")] * 3), tools=[look])
    app = App(f"sqlite:///{path}", agents=[agent])

    @app.workflow
    async def child(ctx: Context) -> None:
        await ctx.sleep(0.01)

    @app.workflow
    async def parent(ctx: Context) -> None:
        await ctx.step("step", lambda: 1)
        await (await ctx.start(child)).result()
        await ctx.await_event("go")

    async with app:
        meter = Meter(path, app.store)
        run = await app.start(parent)
        await suspended(run)
        await run.emit_event("go")
        await run.result()
        thread = await app.threads.create(agent)
        for text in ("Look", "Look again"):
            await (await thread.send(text)).result()
        await (await app.start(parent)).cancel()
        await _lists(app, thread.id)
        seen, writing = queries(meter.texts), connections(app.store)[0]
        plans = {statement: plan(writing, statement) for statement in seen}
    if len(seen) < FEWEST:
        raise RuntimeError(f"only {len(seen)} statements were seen, where {FEWEST} were expected")
    return {
        "hot_queries": len(seen),
        "plan_scans": sum(len(scans(details)) for details in plans.values()),
        "plan_sorts": sum(len(sorts(statement, details)) for statement, details in plans.items()),
    }


def look(at: str) -> str:
    """Look at something."""
    return f"seen: {at}"


async def _lists(app: App, thread_id: str) -> None:
    store = app.store
    await store.queues.counts()
    await examine(store, app.clock)
    for tenant in (None, "t", EVERY_TENANT):
        for status in STATUSES:
            await store.runs.list(tenant=tenant, status=status)
            await store.runs.list(tenant=tenant, status=status, workflow="parent")
            await store.runs.list(tenant=tenant, status=status, workflow="parent", before=(app.clock.now(), "run"))
        await store.runs.list(tenant=tenant, thread_id=thread_id)
        await store.runs.list(tenant=tenant, parent_id="run")
        for owner, agent in ((None, None), ("o", None), (None, "looks"), ("o", "looks")):
            await store.threads.list(tenant=tenant, owner=owner, agent=agent)
        await store.questions.list(tenant=tenant)
        await store.questions.list(tenant=tenant, run_id="run", open_only=False)
