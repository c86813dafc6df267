"""A workflow keeps its parameters and its result; a run gives that result."""

from typing import assert_type

import perdure
from perdure.app.client import Client
from perdure.core.records import RunRecord, StepRecord
from perdure.runs.context import Child
from perdure.runs.durable import Durable
from perdure.stores.port import Store

app = perdure.App()


@app.workflow
async def charge(ctx: perdure.Context, amount: int, currency: str = "EUR") -> dict[str, int]:
    return {currency: amount}


@app.workflow
async def refund(ctx: perdure.Context, order: str, *, reason: str = "") -> bool:
    return True


@app.workflow(name="order", version="2", queue="orders")
async def order(ctx: perdure.Context, number: int) -> bytes:
    child = await ctx.start(charge, 10)
    assert_type(child, Child[dict[str, int]])
    assert_type(await child.result(), dict[str, int])
    await ctx.start(charge, "ten")  # error: reportArgumentType, reportCallIssue
    await ctx.start(charge, 10, nothing="x")  # error: reportCallIssue
    await ctx.start(charge)  # error: reportCallIssue
    slowly = await ctx.start(charge.with_options(queue="slow", tags={"by": "ana"}), 10, currency="NOK")
    assert_type(slowly, Child[dict[str, int]])
    both = await ctx.gather(ctx.start(charge, 10), ctx.start(refund, "7"))
    assert_type(both, tuple[Child[dict[str, int]], Child[bool]])
    return b""


@app.workflow  # error: reportArgumentType
async def without_context(number: int) -> bytes:
    return b""


@app.workflow  # error: reportArgumentType
def not_async(ctx: perdure.Context) -> bytes:
    return b""


@app.workflow(nome="order")  # error: reportCallIssue, reportUntypedFunctionDecorator
async def misspelled(ctx: perdure.Context) -> None: ...


async def started() -> None:
    assert_type(await app.start(charge, 10), perdure.Run[dict[str, int]])
    run = await app.start(order, 7, run_id="order:7", queue="slow", tags={"by": "ana"})
    assert_type(run, perdure.Run[bytes])
    assert_type(await run.result(), bytes)
    assert_type(await run.record(), RunRecord)
    assert_type(await run.wait(), RunRecord)
    assert_type(await run.steps(), list[StepRecord])
    assert_type(await run.emit_event("paid"), bool)
    assert_type(await app.emit_event(run.id, "paid", 7), bool)
    assert_type(await run.cancel("no longer needed", within=1), RunRecord)
    assert_type(await app.runs(status=("failed",)), list[RunRecord])
    await app.start(print)  # error: reportArgumentType, reportCallIssue
    app.start(charge, 10)  # error: reportUnusedCoroutine


async def arguments_are_the_workflow_s_own() -> None:
    assert_type(await app.start(charge, 10, "NOK"), perdure.Run[dict[str, int]])
    assert_type(await app.start(charge, 10, currency="NOK"), perdure.Run[dict[str, int]])
    assert_type(await app.start(refund, "7", reason="late"), perdure.Run[bool])
    await app.start(charge)  # error: reportCallIssue
    await app.start(charge, "ten")  # error: reportArgumentType, reportCallIssue
    await app.start(charge, 10, "NOK", 3)  # error: reportCallIssue
    await app.start(charge, 10, currency=7)  # error: reportArgumentType, reportCallIssue
    await app.start(charge, 10, currenzy="NOK")  # error: reportCallIssue


async def options_of_a_start() -> None:
    assert_type(await app.start(charge, 10, run_id="charge:1"), perdure.Run[dict[str, int]])
    assert_type(await app.start(charge, 10, "NOK", queue="slow", tenant="acme"), perdure.Run[dict[str, int]])
    await app.start(charge, run_id="charge:1")  # error: reportCallIssue
    await app.start(charge, "ten", run_id="charge:1")  # error: reportCallIssue
    await app.start(charge, 10, run_id=7)  # error: reportCallIssue
    await app.start(charge, 10, tags={"by": 7})  # error: reportCallIssue
    await app.start(charge, 10, run_ids="charge:1")  # error: reportCallIssue
    apart = charge.with_options(run_id="charge:1", queue="slow", project_id="shop", tags={"by": "ana"})
    assert_type(await app.start(apart, 10, currency="NOK"), perdure.Run[dict[str, int]])
    await app.start(apart, "ten")  # error: reportArgumentType, reportCallIssue
    await app.start(apart)  # error: reportCallIssue
    charge.with_options(run_id=7)  # error: reportArgumentType
    charge.with_options(run_ids="charge:1")  # error: reportCallIssue


async def other_questions() -> None:
    await app.runs(status=("done",))  # error: reportArgumentType


async def doors() -> None:
    async with app as opened, app.client() as client:
        assert_type(opened, perdure.App)
        assert_type(client, Client)
    perdure.App(workflows=[charge, order], agents=[perdure.Agent("one")], queues={"orders": 3, "slow": None})
    perdure.App(workflows=[doors])  # error: reportArgumentType


async def review(ctx: perdure.Context, year: int) -> float:
    return 1.0


def total(ctx: perdure.Context, year: int) -> float:
    return 1.0


async def without_an_app() -> None:
    store = await perdure.open_store("memory:")
    assert_type(store, Store)
    manifest = perdure.Manifest(task=perdure.TaskSpec(id="review"), input=2025)
    done = await perdure.run_durable(run_id="review:1", store=store, task=review, manifest=manifest)
    assert_type(done, Durable[float])
    assert_type(done.result, float)
    assert_type(done.record, RunRecord)
    assert_type(done.steps, list[StepRecord])
    await perdure.run_durable(run_id="1", store=store, task=total, manifest=manifest)  # error: reportArgumentType
    await perdure.run_durable(run_id="review:1", store=store, task=review)  # error: reportCallIssue
    perdure.Manifest(task="review")  # error: reportArgumentType
