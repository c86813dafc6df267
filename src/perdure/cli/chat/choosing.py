"""Which agent, and which thread, a chat is with."""

from __future__ import annotations

from perdure.agents import Agent, Thread
from perdure.app import App
from perdure.app.client import Client
from perdure.core.states import ENDED
from perdure.core.threads import ThreadRecord
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


async def look_before(app: App, agent: Agent, thread_id: str | None) -> str | None:
    """Look at the thread before any work is done here: the run of its latest turn, where that has not ended.

    Shape: without an id, the agent's newest thread. A store that is not there is not made by looking.
    Raises: where an id is given, ThreadNotFound, ThreadMismatch, StoreUrlInvalid.
    """
    client = Client(app.url, app.workflows, app.clock, create=False)
    try:
        async with client:
            threads = client.store.threads
            found = await threads.get(thread_id, tenant=None) if thread_id is not None else await _newest(client, agent)
            run = await client.store.runs.get(found.run_id, tenant=None) if found and found.run_id else None
    except StoreUrlInvalid as error:
        if thread_id is None:
            return None
        raise StoreUrlInvalid(error.url, f"{error.reason} (for thread {thread_id!r}: {_HOW_TO_BEGIN})") from None
    if thread_id is not None and found is None:
        raise ThreadNotFound(thread_id, _HOW_TO_BEGIN)
    if found is not None and found.agent != agent.name:
        raise ThreadMismatch(found.thread_id, found.agent, agent.name)
    return run.run_id if run is not None and run.status not in ENDED else None


async def _newest(client: Client, agent: Agent) -> ThreadRecord | None:
    threads = await client.threads.list(agent=agent.name, limit=1)
    return threads[0] if threads else None


async def thread_of(app: App, agent: Agent, thread_id: str | None, *, new: bool) -> Thread:
    """The thread that is meant, which is made where it is a new one. Raises: InputError where that is there already."""
    if thread_id is not None and not new:
        return app.thread(thread_id)
    if thread_id is not None and await app.store.threads.get(thread_id, tenant=None) is not None:
        raise InputError("--thread", f"there is a thread {thread_id!r} already; to go on with it, leave out --new")
    newest = None if new else await _newest(app, agent)
    return app.thread(newest.thread_id) if newest else await app.threads.create(agent, thread_id=thread_id)
