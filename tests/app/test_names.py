"""A kind of thing has one spelling, in every error that names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure import Agent, App, Context, tool
from perdure.errors import NameTaken, NameUnknown


def twin_agents() -> None:
    App("memory:", agents=[Agent("one"), Agent("one")])


def twin_workflows() -> None:
    app = App("memory:")

    async def flow(ctx: Context) -> None: ...

    app.workflow(flow)
    app.workflow(flow)


def twin_tools() -> None:
    def look(place: str) -> str:
        return place

    Agent("one", tools=[look, tool(look)])


@pytest.mark.parametrize(
    ("declare", "kind", "said"),
    [
        (twin_agents, "agent", "there is already an agent named 'one'"),
        (twin_workflows, "workflow", "there is already a workflow named 'flow'"),
        (twin_tools, "tool", "there is already a tool named 'look'"),
    ],
    ids=["agent", "workflow", "tool"],
)
def test_a_kind_is_spelled_without_its_article_and_the_message_adds_it(
    declare: Callable[[], None], kind: str, said: str
) -> None:
    with pytest.raises(NameTaken) as refused:
        declare()
    assert (refused.value.kind, said in str(refused.value)) == (kind, True)
    assert NameUnknown(kind, "x").kind == refused.value.kind
