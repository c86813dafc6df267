"""Making threads: whose they are."""

from __future__ import annotations

import pytest

from perdure import Agent, App
from perdure.errors import NameUnknown, ThreadMismatch
from perdure.testing.scripted import ScriptedModel


def two_agents() -> App:
    return App("memory:", agents=[Agent(name, model=ScriptedModel([])) for name in ("one", "two")])


async def test_making_a_thread_again_gives_the_one_that_is_there() -> None:
    async with two_agents().client() as client:
        first = await client.threads.create("one", thread_id="t", title="First")
        again = await client.threads.create("one", thread_id="t", title="Second")
        assert (again.id, (await first.record()).title) == ("t", "First")


async def test_a_thread_of_another_agent_is_refused_with_both_agents_and_stays_as_it_was() -> None:
    async with two_agents().client() as client:
        thread = await client.threads.create("one", thread_id="t")
        before = await thread.record()
        with pytest.raises(ThreadMismatch, match="thread 't' is of agent 'one', not of 'two'") as refused:
            await client.threads.create("two", thread_id="t")
        assert (refused.value.thread_id, refused.value.found, refused.value.given) == ("t", "one", "two")
        assert await thread.record() == before


@pytest.mark.parametrize("agents", [("one", "two"), ()], ids=["two", "none"])
async def test_an_agent_that_is_not_declared_is_called_an_agent_and_the_agents_are_listed(
    agents: tuple[str, ...],
) -> None:
    app = App("memory:", agents=[Agent(name) for name in agents])

    @app.workflow
    async def flow(ctx: object) -> None: ...

    async with app.client() as client:
        with pytest.raises(NameUnknown) as refused:
            await client.threads.create("zz")
        assert (refused.value.kind, refused.value.name, refused.value.known) == ("agent", "zz", agents)
        assert str(refused.value) == f"no agent named 'zz' here; known: {', '.join(agents) or 'none'}"


async def test_a_send_to_a_thread_whose_agent_is_not_declared_here_names_the_agent() -> None:
    async with two_agents().client() as client:
        thread = await client.threads.create("two", thread_id="t")
        only_one = App("memory:", agents=[Agent("one")])
        client.workflows = only_one.workflows
        with pytest.raises(NameUnknown, match="no agent named 'two' here; known: one"):
            await client.thread(thread.id).send("Hello?")
