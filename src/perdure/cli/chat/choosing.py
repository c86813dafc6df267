"""Which agent, and which thread, a chat is with."""

from __future__ import annotations

from perdure.agents import Agent, Thread
from perdure.app import App
from perdure.app.client import Client
from perdure.errors import InputError, NameUnknown, SettingInvalid, StoreUrlInvalid, ThreadMismatch, ThreadNotFound

_HOW_TO_BEGIN = "to begin it, add --new"


def agent_of(app: App, name: str | None) -> Agent:
    """The agent that is meant. Raises: SettingInvalid where that is not clear; NameUnknown."""
    names = tuple(app.agents)
    if name is not None:
        if name not in app.agents:
            raise NameUnknown("agent", name, names)
        return app.agents[name]
    if len(names) != 1:
        reason = f"the app has several agents: {', '.join(names)}; say which" if names else "the app has no agent"
        raise SettingInvalid("--agent", reason)
    return app.agents[names[0]]


async def check_thread(app: App, agent: Agent, thread_id: str) -> None:
    """Look whether the thread is there, and of this agent; a store that is not there is not made by looking.

    Raises: ThreadNotFound, ThreadMismatch, StoreUrlInvalid.
    """
    client = Client(app.url, app.workflows, app.clock, create=False)
    try:
        async with client:
            thread = await client.store.threads.get(thread_id)
    except StoreUrlInvalid as error:
        raise StoreUrlInvalid(error.url, f"{error.reason} (for thread {thread_id!r}: {_HOW_TO_BEGIN})") from None
    if thread is None:
        raise ThreadNotFound(thread_id, _HOW_TO_BEGIN)
    if thread.agent != agent.name:
        raise ThreadMismatch(thread_id, thread.agent, agent.name)


async def thread_of(app: App, agent: Agent, thread_id: str | None, *, new: bool) -> Thread:
    """The thread that is meant, which is made where it is a new one. Raises: InputError where that is there already."""
    if thread_id is not None and not new:
        return app.thread(thread_id)
    if thread_id is not None and await app.store.threads.get(thread_id) is not None:
        raise InputError("--thread", f"there is a thread {thread_id!r} already; to go on with it, leave out --new")
    newest = [] if new else await app.threads.list(agent=agent.name, limit=1)
    return app.thread(newest[0].thread_id) if newest else await app.threads.create(agent, thread_id=thread_id)
