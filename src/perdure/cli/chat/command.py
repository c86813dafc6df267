"""`perdure chat`: talk to an agent; kill it, start it again, and it goes on where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption
from perdure.cli.worker import AppArgument

if TYPE_CHECKING:
    from perdure.agents import Agent, Thread
    from perdure.app import App
    from perdure.cli.chat.background import Background


ENDS_WITHIN = 1.0


def chat(
    target: AppArgument,
    *,
    thread: Annotated[
        str | None, typer.Option(help="The thread to go on with, or to begin; else the agent's newest.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new thread.")] = False,
    agent: Annotated[str | None, typer.Option(help="Which agent, where the app has several.")] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Say this, print the answer, leave.")] = None,
    store: StoreOption = None,
) -> None:
    """Talk to an agent. Ctrl-C stops an answer, twice leaves, Ctrl-D leaves; the next start goes on where it was."""
    from perdure.cli.chat.choosing import agent_of
    from perdure.cli.loading import load_app
    from perdure.core.ids import check_id
    from perdure.errors import MessageEmpty

    if thread is not None:
        check_id("--thread", thread)
    if message is not None and not message.strip():
        raise MessageEmpty("--message", "a message needs content")
    app = load_app(target, store)
    raise typer.Exit(_converse(app, agent_of(app, agent), thread, message, new=new))


def _converse(app: App, agent: Agent, thread_id: str | None, message: str | None, *, new: bool) -> int:
    from perdure.cli.chat.background import Background
    from perdure.cli.chat.choosing import look_before, thread_of
    from perdure.cli.chat.following import Leaving
    from perdure.cli.chat.session import Session
    from perdure.cli.exits import INTERRUPTED
    from perdure.cli.opening import say_store
    from perdure.cli.terminal import notes

    say_store(app.url)
    with Background() as background:
        unfinished = None if new else background.call(look_before(app, agent, thread_id))
        background.call(app.__aenter__())
        try:
            thread = background.call(thread_of(app, agent, thread_id, new=new))
            _introduce(app, agent, thread)
            session = Session(background, app, thread, unfinished)
            return session.talk() if message is None else session.say(message)
        except (Leaving, KeyboardInterrupt):
            notes().print("left; the next start goes on where it was")
            _leave_at_once(background, app)
            return INTERRUPTED
        finally:
            background.call(app.__aexit__(None, None, None))


def _leave_at_once(background: Background, app: App) -> None:
    """Release what runs here; where something refuses to end, die: that is safe, and the next start takes over."""
    import os

    from perdure.cli.exits import INTERRUPTED

    try:
        background.submit(app.stop_work(at_once=True)).result(ENDS_WITHIN)
    except TimeoutError:
        os._exit(INTERRUPTED)


def _introduce(app: App, agent: Agent, thread: Thread) -> None:
    from perdure.cli.terminal import notes, one_line

    model = agent.model if isinstance(agent.model, str) else agent.model.name if agent.model else app.model
    notes().print("[dim]agent[/]", one_line(f"{agent.name} on {model}"), style="dim")
    notes().print("[dim]thread[/]", one_line(thread.id), style="dim")
