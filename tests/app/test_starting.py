"""Starting a run: which keywords are the workflow's, and which are options of the start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure import App, Context, Workflow
from perdure.app.client import Client
from perdure.core.values import Value
from perdure.errors import IdInvalid, InputError, RunFailed

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


@app.workflow
async def greet(ctx: Context, name: str = "you") -> str:
    return f"Hello, {name}"


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


# Options apart from arguments.


@pytest.mark.parametrize("option", OPTIONS)
async def test_with_options_leaves_every_keyword_to_the_workflow(client: Client, option: str) -> None:
    apart = greedy.with_options(run_id="apart", queue="other", project_id="shop", scenario_id="s", tenant="acme")
    run = await client.start(apart, **{option: "own"})
    record = await run.record()
    assert (record.run_id, record.queue, record.project_id) == ("apart", "other", "shop")
    assert (record.scenario_id, record.tenant) == ("s", "acme")
    assert await client.acting_as(tenant="acme").runs() == [record]
    assert await client.runs() == [], "who asks without a tenant sees no tenant's runs"


async def test_options_are_those_of_one_start_and_the_workflow_stays_as_it_is(client: Client) -> None:
    assert (await client.start(strict.with_options(run_id="one", tags={"by": "ana"}), tenant="own")).id == "one"
    assert (await client.run("one").record()).tags == {"by": "ana"}
    assert (await client.start(strict, run_id="two")).id == "two"
    assert (await client.run("two").record()).tags == {}


# By name.


async def test_a_workflow_is_started_by_its_name_where_its_code_is_not_and_executed_where_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    async with App(url).client() as elsewhere:
        named_ones = [
            await elsewhere.start("greet", "Ana", run_id="by position"),
            await elsewhere.start("greet", name="Ben", tags={"by": "name"}),
            await elsewhere.start("greet", run_id="defaults"),
        ]
        async with App(url, workflows=[greet]):
            assert [await run.result() for run in named_ones] == ["Hello, Ana", "Hello, Ben", "Hello, you"]
            assert (await named_ones[1].record()).tags == {"by": "name"}


async def test_a_start_by_name_of_what_is_declared_here_is_that_start(client: Client) -> None:
    by_code = await client.start(greet, "Ana", run_id="one")
    by_name = await client.start("greet", "Ana", run_id="one")
    assert by_code.id == by_name.id
    with pytest.raises(InputError, match=r"too many positional arguments; 'greet' takes \(name='you'\)"):
        await client.start("greet", "Ana", "Ben")


async def test_a_start_by_name_with_arguments_that_do_not_fit_fails_where_it_is_executed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    async with App(url).client() as elsewhere:
        for run in (await elsewhere.start("greet", 7), await elsewhere.start("greet", nome="Ana")):
            async with App(url, workflows=[greet]):
                with pytest.raises(RunFailed) as failed:
                    await run.result()
            assert (failed.value.cause_type, failed.value.cause_code) == ("InputError", "input_invalid")


async def test_a_start_by_name_mixes_no_arguments_whose_names_nobody_knows(client: Client) -> None:
    with pytest.raises(InputError, match="all by position or all by name"):
        await client.start("elsewhere", "Ana", greeting="Hello")
    assert await client.runs() == []


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 513])
async def test_a_start_by_what_can_be_no_name_is_refused(client: Client, name: str) -> None:
    with pytest.raises(IdInvalid):
        await client.start(name)
    assert await client.runs() == []


# Children.


@app.workflow
async def parent(ctx: Context) -> list[str]:
    first = await ctx.start(greet.with_options(queue="other", tags={"of": "parent"}), "Ana")
    second, third = await ctx.gather(ctx.start(greet, name="Ben"), ctx.start("greet", "Cleo"))
    return [await first.result(), await second.result(), await third.result()]


async def test_a_child_takes_options_apart_and_is_started_by_name_as_a_run_is() -> None:
    async with App("memory:", workflows=[parent, greet], queues={"other": None}) as working:
        run = await working.start(parent)
        assert await run.result() == ["Hello, Ana", "Hello, Ben", "Hello, Cleo"]
        children = {one.run_id: one for one in await working.runs(workflow="greet")}
        assert sorted((one.queue, tuple(one.tags)) for one in children.values()) == [
            ("default", ()),
            ("default", ()),
            ("other", ("of",)),
        ]


@pytest.mark.parametrize(
    ("option", "apart"),
    [
        ("run_id", greet.with_options(run_id="other")),
        ("project_id", greet.with_options(project_id="other")),
        ("tenant", greet.with_options(tenant="other")),
    ],
)
async def test_a_child_has_from_its_parent_what_its_parent_decides(option: str, apart: Workflow[..., str]) -> None:
    own = App("memory:", workflows=[greet])

    @own.workflow
    async def wrong(ctx: Context) -> str:
        return await (await ctx.start(apart)).result()

    async with own:
        with pytest.raises(RunFailed, match=f"{option}: a child has this from its parent"):
            await (await own.start(wrong)).result()


async def test_a_child_that_is_started_and_never_awaited_is_found() -> None:
    own = App("memory:", workflows=[greet])

    @own.workflow
    async def forgets(ctx: Context) -> None:
        ctx.start(greet)

    async with own:
        with pytest.raises(RunFailed, match=r"never awaited: 'greet' \(0\)"):
            await (await own.start(forgets)).result()
