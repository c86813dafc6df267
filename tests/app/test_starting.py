"""Starting a run: which keywords are the workflow's, and which are options of the start."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from perdure import App, Context
from perdure.app.client import Client
from perdure.core.values import Value
from perdure.errors import InputError

OPTIONS: dict[str, Value] = {
    "run_id": "given",
    "queue": "given",
    "project_id": "given",
    "scenario_id": "given",
    "tenant": "given",
    "tags": {"is": "given"},
}

app = App("memory:")


@app.workflow
async def greedy(
    ctx: Context,
    run_id: Value = "own",
    queue: Value = "own",
    project_id: Value = "own",
    scenario_id: Value = "own",
    tenant: Value = "own",
    tags: Value = "own",
) -> list[Value]:
    return [run_id, queue, project_id, scenario_id, tenant, tags]


@app.workflow
async def strict(ctx: Context, *, tenant: str = "own") -> str:
    return tenant


@app.workflow
async def named(ctx: Context, workflow: str, self: str) -> str:
    return workflow + self


@app.workflow
async def loose(ctx: Context, **rest: str) -> dict[str, str]:
    return rest


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with app.client() as opened:
        yield opened


@pytest.mark.parametrize("option", OPTIONS)
async def test_a_keyword_that_both_the_workflow_and_the_start_have_is_refused(client: Client, option: str) -> None:
    with pytest.raises(InputError, match="pass the argument by position") as refused:
        await client.start(greedy, **{option: OPTIONS[option]})
    assert refused.value.field == option
    assert await client.runs() == []


async def test_an_argument_given_by_position_leaves_its_name_to_the_option(client: Client) -> None:
    run = await client.start(greedy, "first", "second", run_id="given", queue="other")
    record = await run.record()
    assert (record.run_id, record.queue, record.project_id) == ("given", "other", "default")
    with pytest.raises(InputError) as refused:
        await client.start(greedy, "first", "second", run_id="given", tenant="acme")
    assert refused.value.field == "tenant"


async def test_an_option_left_at_its_default_is_not_given(client: Client) -> None:
    run = await client.start(greedy, run_id=None, queue=None, project_id="default", tags=None)
    assert (await run.record()).queue == "default"


async def test_a_keyword_only_parameter_of_the_name_of_an_option_is_refused_with_what_to_do(client: Client) -> None:
    with pytest.raises(InputError, match="rename the parameter") as refused:
        await client.start(strict, tenant="acme")
    assert refused.value.field == "tenant"


async def test_what_takes_any_keyword_takes_none_that_is_an_option(client: Client) -> None:
    run = await client.start(loose, run_id="given", other="own")
    assert run.id == "given"


async def test_parameters_may_be_called_workflow_and_self() -> None:
    async with App("memory:", workflows=[named]) as working:
        run = await working.start(named, workflow="a", self="b")
        assert await run.result() == "ab"
