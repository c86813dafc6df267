"""run_durable: what it is asked to do, and what makes a run the same run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

import perdure
from perdure.errors import (
    InputError,
    LeaseHeld,
    RunInputMismatch,
)
from tests.runs.cluster import Cluster
from tests.runs.driving import Driver, manifest


@dataclass
class Return:
    year: int
    amounts: list[float]


async def test_the_context_and_the_record_have_what_the_manifest_says(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> list[Any]:
        return [ctx.run_id, ctx.project_id, ctx.scenario_id, ctx.tags]

    given = manifest(project_id="tax", scenario_id="happy", tenant="acme", tags={"pr": "7"})
    done = await cluster.clock.until(drive(task, manifest=given))
    assert done.result == ["run", "tax", "happy", {"pr": "7"}]
    record = done.record
    assert (record.project_id, record.scenario_id, record.tenant, record.tags) == ("tax", "happy", "acme", {"pr": "7"})
    assert (record.workflow, record.queue) == ("review", "default")
    assert len(record.manifest_hash) == 64


async def test_the_input_comes_as_the_second_parameters_annotation_says(cluster: Cluster, drive: Driver) -> None:
    async def typed(ctx: perdure.Context, given: Return) -> str:
        return repr(given)

    async def plain(ctx: perdure.Context, given: Any) -> Any:
        return given

    given = manifest(input={"year": 2026, "amounts": [1, 2.5]})
    done = await cluster.clock.until(drive(typed, manifest=given))
    assert done.result == "Return(year=2026, amounts=[1.0, 2.5])"
    done = await cluster.clock.until(drive(plain, manifest=given, run_id="plain"))
    assert done.result == {"year": 2026, "amounts": [1, 2.5]}


async def test_an_input_that_does_not_fit_is_refused_before_anything_changed(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context, given: Return) -> None:
        raise AssertionError("it ran")

    with pytest.raises(InputError) as refused:
        await cluster.clock.until(drive(task, manifest=manifest(input={"year": "?"})))
    assert refused.value.field == "input.year"
    assert await cluster.store.runs.get("run", tenant=None) is None


async def test_no_input_counts_as_the_default_of_the_parameter(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context, year: int = 2026) -> int:
        return year

    assert (await cluster.clock.until(drive(task, run_id="none"))).result == 2026
    assert (await cluster.clock.until(drive(task, manifest=manifest(input=1999), run_id="one"))).result == 1999


async def test_another_input_under_the_same_id_is_refused_first(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.step("hangs", asyncio.Event().wait)

    first = asyncio.ensure_future(drive(task, manifest=manifest(input={"a": 1, "b": 2})))
    await cluster.clock.advance(0.5)
    with pytest.raises(RunInputMismatch) as refused:
        await cluster.clock.until(drive(task, manifest=manifest(input={"a": 1, "b": 3})))
    assert refused.value.run_id == "run"
    with pytest.raises(LeaseHeld):  # the same input, in another order
        await cluster.clock.until(drive(task, manifest=manifest(input={"b": 2, "a": 1})))
    first.cancel()
    await cluster.clock.until(asyncio.gather(first, return_exceptions=True))


@pytest.mark.parametrize("field", ["project_id", "scenario_id"])
async def test_who_it_is_for_is_part_of_the_identity_and_a_tag_is_not(
    cluster: Cluster, drive: Driver, field: str
) -> None:
    async def task(ctx: perdure.Context) -> int:
        return 1

    await cluster.clock.until(drive(task))
    await cluster.clock.until(drive(task, manifest=manifest(tags={"new": "tag"})))
    with pytest.raises(RunInputMismatch):
        await cluster.clock.until(drive(task, manifest=manifest(**{field: "other"})))


async def test_each_tenant_has_run_ids_of_its_own(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> str | None:
        cluster.done.append("ran")
        return ctx.run_id

    first = await cluster.clock.until(drive(task))
    second = await cluster.clock.until(drive(task, manifest=manifest(tenant="other")))
    assert (first.record.tenant, second.record.tenant) == (None, "other")
    assert (first.result, second.result, cluster.done) == ("run", "run", ["ran", "ran"])


OUTCOMES: dict[str, Any] = {
    "outcome": "good",
    "outcome.passed": perdure.Outcome(passed=1),  # type: ignore[arg-type]
    "outcome.score": perdure.Outcome(score="high"),  # type: ignore[arg-type]
    "outcome.notes": perdure.Outcome(notes=5),  # type: ignore[arg-type]
    "outcome.metadata": perdure.Outcome(metadata=[1]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("field", OUTCOMES)
async def test_an_outcome_of_another_type_is_refused_where_it_is_given(
    cluster: Cluster, drive: Driver, field: str
) -> None:
    async def task(ctx: perdure.Context) -> str:
        with pytest.raises(InputError) as refused:
            ctx.outcome = OUTCOMES[field]
        return refused.value.field

    async def passes(ctx: perdure.Context) -> None: ...

    done = await cluster.clock.until(drive(task))
    assert (done.result, done.record.outcome) == (field, None)
    with pytest.raises(InputError) as refused:
        await drive(passes, run_id="other", default_outcome=OUTCOMES[field])
    assert refused.value.field == f"default_{field}"
    assert [run.run_id for run in await cluster.store.runs.list(tenant=None)] == ["run"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"worker_id": 5}, "worker_id"),
        ({"signal": "x"}, "signal"),
        ({"manifest": {"task": "x"}}, "manifest"),
        ({"manifest": manifest(tags=["a"])}, "manifest.tags"),
        ({"manifest": perdure.Manifest(task="x")}, "manifest.task"),  # type: ignore[arg-type]
        (
            {"manifest": perdure.Manifest(task=perdure.TaskSpec(id="a", intent=6))},  # type: ignore[arg-type]
            "manifest.task.intent",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_given_to_run_durable_has_its_types(
    cluster: Cluster, drive: Driver, given: dict[str, Any], field: str
) -> None:
    async def task(ctx: perdure.Context) -> None: ...

    with pytest.raises(InputError) as refused:
        await drive(task, **given)
    assert refused.value.field == field
    assert list(await cluster.store.runs.list(tenant=None)) == []
