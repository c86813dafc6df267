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
    await ctx.gather(ctx.step("double", double, 1), ctx.sleep(1), ctx.now)
    ctx.gather(3)  # error: reportArgumentType
    ctx.gather(sync)  # error: reportArgumentType


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
