"""The value that a person gives for a step in doubt is of the step's type.

One that does not fit is never an outcome. It is refused where this process knows the type; given elsewhere, it parks
the run when the step takes it, and a restart asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pydantic
import pytest

import perdure
from perdure.errors import InputError
from perdure.runs import in_doubt
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster
from tests.runs.diverging import assert_diverged


@dataclass
class Receipt:
    amount: Decimal
    note: str | None = None


class Model(pydantic.BaseModel):
    amount: int


class Refuses(Exception):
    pass


@dataclass
class Checked:
    amount: int

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise Refuses("below 0")


async def asked(cluster: Cluster, returns: Any, **options: Any) -> str:
    """A run whose step is in doubt and asks; the question's id."""

    async def pay() -> Any:
        await die_here()

    pay.__annotations__["return"] = returns

    async def flow(ctx: perdure.Context) -> Any:
        paid = await ctx.step("pay", pay, in_doubt="ask", **options)
        cluster.done.append(repr(paid))

    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.restart()
    (question,) = await cluster.client.questions.list()
    return question.question_id


GIVEN: list[tuple[Any, Any, str | None]] = [
    (int, 7, None),
    (int, "seven", "value"),
    (int, None, "value"),
    (int | None, None, None),
    (str, 7, "value"),
    (list[int], [1, "two"], "value[1]"),
    (Receipt, {"amount": "7.50"}, None),
    (Receipt, Receipt(Decimal("7.50")), None),
    (Receipt, {"amount": "much"}, "value.amount"),
    (Receipt, {}, "value"),
    (Model, {"amount": 7}, None),
    (Model, {"amount": "much"}, "value"),
    (Checked, {"amount": 7}, None),
    (Checked, {"amount": -7}, "value"),
    (Any, {"whatever": [1]}, None),
]


@pytest.mark.parametrize(("returns", "given", "field"), GIVEN)
async def test_it_is_checked_where_the_process_has_asked(
    memory: Cluster, returns: Any, given: Any, field: str | None
) -> None:
    question = await asked(memory, returns)
    if field is not None:
        with pytest.raises(InputError) as refused:
            await memory.client.questions.answer(question, "value", given)
        assert refused.value.field == field
        assert len(await memory.client.questions.list()) == 1, "it stays open"
        await memory.client.questions.answer(question, "again")
        return
    await memory.client.questions.answer(question, "value", given)
    await memory.clock.advance(1)
    assert (await memory.status(), len(memory.done)) == ("completed", 1)


async def test_what_as_says_is_the_type(memory: Cluster) -> None:
    question = await asked(memory, Any, as_=int)
    with pytest.raises(InputError, match=r"^value: Expected `int`"):
        await memory.client.questions.answer(question, "value", "seven")
    with pytest.raises(InputError, match=r"^value: Expected `int`"):
        await memory.client.questions.resolve("run", "0", "value", "seven")


async def answered_elsewhere(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    """A value from a process that has not asked."""
    question = await asked(cluster, Receipt)
    monkeypatch.setattr(in_doubt, "types_asked", type(in_doubt.types_asked)())
    await cluster.client.questions.answer(question, "value", value, by="ana")
    await cluster.clock.advance(1)


async def test_from_elsewhere_it_parks_the_run_and_is_no_outcome(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answered_elsewhere(cluster, monkeypatch, {"amount": "much"})
    assert_diverged(await cluster.record(), "0", "value given for step 'pay'.amount", "does not fit Receipt")
    assert ((await cluster.step("0")).status, cluster.done) == ("in_doubt", [])


async def test_from_elsewhere_one_that_fits_is_the_outcome(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    await answered_elsewhere(cluster, monkeypatch, {"amount": "7.50"})
    assert (await cluster.status(), cluster.done) == ("completed", ["Receipt(amount=Decimal('7.50'), note=None)"])


async def test_after_it_was_failed_and_restarted_the_run_asks_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answered_elsewhere(cluster, monkeypatch, {"amount": "much"})
    run = cluster.client.run("run")
    await run.fail("a wrong value")
    await run.restart()
    await cluster.clock.advance(1)
    (question,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(question.question_id, "value", {"amount": "1"})
    await cluster.clock.advance(1)
    assert (await cluster.status(), cluster.done) == ("completed", ["Receipt(amount=Decimal('1'), note=None)"])


async def test_as_many_types_are_kept_as_are_said(memory: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_doubt, "KNOWN", 1)
    monkeypatch.setattr(in_doubt, "types_asked", type(in_doubt.types_asked)())

    async def pay() -> int:
        await memory.sleep(10)
        return 1

    async def flow(ctx: perdure.Context) -> None:
        await ctx.gather(*[ctx.step("pay", pay, in_doubt="ask", timeout=1) for _ in range(3)])

    await memory.start(flow)
    await memory.start_worker()
    await memory.clock.advance(3)
    assert len(await memory.client.questions.list()) == 3
    assert len(in_doubt.types_asked) == 1
