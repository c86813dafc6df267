"""What a context gives back besides steps."""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any, assert_type

import perdure
from perdure.runs.calls import Call
from perdure.runs.protocols import StepInfo


async def double(number: int) -> str:
    return str(number * 2)


def sync(number: int) -> str:
    return str(number)


async def side_by_side(ctx: perdure.Context) -> None:
    assert_type(ctx.map(double, [1, 2]), Call[list[str]])
    assert_type(await ctx.map(double, (number for number in range(9)), limit=3), list[str])
    ctx.map(double, ["one"])  # error: reportArgumentType
    ctx.map(sync, [1])  # error: reportArgumentType
    ctx.map(double, [1], limit="3")  # error: reportArgumentType
    assert_type(await ctx.gather(ctx.step("double", double, 1), ctx.sleep(1), ctx.now), tuple[str, None, datetime])
    assert_type(ctx.gather(ctx.step("sync", sync, 1), ctx.emit_event("go")), Call[tuple[str, bool]])
    assert_type(await ctx.gather(ctx.now), tuple[datetime])
    assert_type(await ctx.gather(*[ctx.step("double", double, n) for n in range(3)]), list[str])
    text, done = await ctx.gather(ctx.step("double", double, 1), ctx.emit_event("go"))
    assert_type((text, done), tuple[str, bool])
    eight = ctx.gather(ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.emit_event("go"))
    assert_type((await eight)[7], bool)
    nine = ctx.gather(ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.now, ctx.now)
    assert_type(await nine, list[datetime])
    ctx.gather(3)  # error: reportArgumentType, reportCallIssue
    ctx.gather(sync)  # error: reportArgumentType, reportCallIssue
    ctx.gather(double(1))  # error: reportArgumentType, reportCallIssue


async def waiting(ctx: perdure.Context) -> None:
    assert_type(await ctx.sleep(timedelta(days=1)), None)
    assert_type(await ctx.sleep(1.5), None)
    assert_type(await ctx.now(), datetime)
    assert_type(await ctx.emit_event("seen", {"at": "noon"}), bool)
    assert_type(ctx.uuid(), uuid.UUID)
    assert_type(ctx.random(), random.Random)
    assert_type(perdure.current_step(), StepInfo | None)
    ctx.sleep("a day")  # error: reportArgumentType
    ctx.await_event(7)  # error: reportArgumentType
    ctx.await_event("seen", timeout="noon")  # error: reportArgumentType
    assert_type(ctx.await_event("seen", as_=int), Call[int])
    assert_type(await ctx.await_event("seen", timeout=timedelta(days=1), as_=list[str]), list[str])
    assert_type(await ctx.await_event("seen"), Any)


async def facts(ctx: perdure.Context) -> None:
    assert_type(ctx.run_id, str)
    assert_type(ctx.tags, dict[str, str])
    assert_type(ctx.token, int)
    assert_type(ctx.outcome, perdure.Outcome | None)
    ctx.outcome = perdure.Outcome(passed=True)
    ctx.outcome = 0.5  # error: reportAttributeAccessIssue
