"""A function's own keyword arguments: apart from the options of its step, and checked at the call."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import App, Context
from perdure.errors import InputError, PerdureError, SettingInvalid
from tests.runs.cluster import Cluster


async def send(to: str, *, subject: str, timeout: int = 0, retry: str = "never") -> str:
    return f"{to}: {subject} {timeout} {retry}"


def send_in_a_thread(to: str, *, subject: str, timeout: int = 0, retry: str = "never") -> str:
    return f"{to}: {subject} {timeout} {retry}"


class Post:
    async def send(self, to: str, *, subject: str, timeout: int = 0, retry: str = "never") -> str:
        return f"{to}: {subject} {timeout} {retry}"


@pytest.mark.parametrize("function", [send, send_in_a_thread, Post().send], ids=["async", "sync", "method"])
async def test_a_function_gets_its_own_keywords_beside_the_options_of_its_step(cluster: Cluster, function: Any) -> None:
    async def flow(ctx: Context) -> str:
        own = {"subject": "Hello", "timeout": 7, "retry": "always"}
        return await ctx.step("mail", function, "ana", kwargs=own, timeout=60, retry=2)

    assert await cluster.run(flow) == "ana: Hello 7 always"


async def test_keywords_that_do_not_fit_are_refused_at_the_call_with_the_function_s_name(memory: Cluster) -> None:
    async def flow(ctx: Context) -> list[str]:
        refused = list[str]()
        for given in ({"subject": "Hello", "topic": "x"}, {"to": "ben", "subject": "Hello"}, {}):
            try:
                ctx.step("mail", send, "ana", kwargs=given)
            except InputError as error:
                refused.append(str(error))
        return refused

    said = await memory.run(flow)
    for refused, parameter in zip(said, ("topic", "to", "subject"), strict=True):
        assert refused.startswith("kwargs: send: ")
        assert f"'{parameter}'" in refused


@pytest.mark.parametrize("given", [["subject"], "subject", {7: "x"}, 7])
async def test_keywords_are_a_mapping_by_name(memory: Cluster, given: Any) -> None:
    async def flow(ctx: Context) -> str:
        try:
            await ctx.step("mail", send, "ana", kwargs=given)
        except SettingInvalid as error:
            return error.field
        return "nothing was noticed"

    assert await memory.run(flow) == "kwargs"


@pytest.mark.parametrize("keyword", ["subject", "attemps", "time_out"])
async def test_a_keyword_that_is_no_option_is_refused_with_those_that_are(keyword: str) -> None:
    app, said = App("memory:"), list[PerdureError]()

    @app.workflow
    async def flow(ctx: Context) -> None:
        options: dict[str, Any] = {keyword: "x"}
        try:
            ctx.step("mail", send, "ana", **options)
        except PerdureError as error:
            said.append(error)

    async with app:
        await (await app.start(flow)).result()
    (refused,) = said
    assert isinstance(refused, SettingInvalid)
    assert refused.field == keyword
    assert "retry, timeout" in refused.reason
    assert "kwargs={…}" in refused.reason
