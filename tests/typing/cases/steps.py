"""A step has the type of its function's result, and takes the function's arguments."""

from datetime import timedelta
from functools import partial
from typing import Any, assert_type

import perdure
from perdure.runs.calls import Call


def price(order: int, currency: str) -> float:
    return 1.0


async def lines(order: int) -> list[str]:
    return []


async def tell(order: int, who: str = "ana", *, loud: bool = False) -> None: ...


def find(order: int = 7) -> int | None: ...


async def post(to: str, *, subject: str) -> bytes:
    return b""


async def rows(order: int) -> Any: ...


class Shop:
    async def pay(self, order: int) -> bytes:
        return b""


async def results(ctx: perdure.Context) -> None:
    assert_type(ctx.step("price", price, 7, "EUR"), Call[float])
    assert_type(await ctx.step("price", price, 7, "EUR"), float)
    assert_type(await ctx.step("lines", lines, 7), list[str])
    assert_type(await ctx.step("tell", tell, 7), None)
    assert_type(await ctx.step("tell", tell, 7, "ben"), None)
    assert_type(await ctx.step("tell", partial(tell, loud=True), 7), None)
    assert_type(await ctx.step("find", find), int | None)
    assert_type(await ctx.step("pay", Shop().pay, 7), bytes)
    assert_type(await ctx.step("seven", lambda: 7), int)


async def options(ctx: perdure.Context) -> None:
    retry = perdure.Retry(attempts=3, initial=timedelta(seconds=1))
    assert_type(await ctx.step("lines", lines, 7, retry=retry, timeout=2.5, in_doubt="ask"), list[str])
    assert_type(await ctx.step("find", find, read_only=True, idempotent=True, fingerprint=7, kind="db"), int | None)

    assert_type(await ctx.step("lines", lines, 7, retry=3), list[str])


async def keywords(ctx: perdure.Context) -> None:
    assert_type(await ctx.step("tell", tell, 7, kwargs={"loud": True}), None)
    assert_type(await ctx.step("post", post, "ana", kwargs={"subject": "Hello"}, retry=3), bytes)
    assert_type(await ctx.step("post", partial(post, "ana", subject="Hello")), bytes)
    ctx.step("tell", tell, 7, kwargs=["loud"])  # error: reportArgumentType, reportCallIssue
    ctx.step("post", post, "ana")  # error: reportArgumentType, reportCallIssue


async def typed_by_as(ctx: perdure.Context) -> None:
    assert_type(await ctx.step("rows", rows, 7, as_=list[int]), list[int])
    assert_type(await ctx.step("price", price, 7, "EUR", as_=int), int)
    assert_type(ctx.step("post", post, "ana", kwargs={"subject": "Hello"}, as_=str), Call[str])


async def wrong(ctx: perdure.Context) -> None:
    ctx.step("price", price, "seven", "EUR")  # error: reportArgumentType, reportCallIssue
    ctx.step("price", price, 7)  # error: reportArgumentType, reportCallIssue
    ctx.step("lines", lines)  # error: reportArgumentType, reportCallIssue
    ctx.step("lines", lines, 7, 8)  # error: reportArgumentType, reportCallIssue
    ctx.step("lines", lines, order=7)  # error: reportCallIssue
    ctx.step("lines", lines, 7, timeout="3")  # error: reportArgumentType, reportCallIssue
    ctx.step("lines", lines, 7, in_doubt="tell")  # error: reportArgumentType, reportCallIssue
    ctx.step("lines", lines, 7, attempts=3)  # error: reportCallIssue
    ctx.step(lines, 7)  # error: reportArgumentType, reportCallIssue
    name: str = await ctx.step("price", price, 7, "EUR")  # error: reportAssignmentType
    print(name)
