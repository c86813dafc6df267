"""Following a turn from the main thread: its chunks, what it waits for, and what Ctrl-C asks."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from rich.text import Text

from perdure.cli.chat.keyboard import interrupts, no_echo
from perdure.core.chunks import Chunk
from perdure.core.states import ENDED

if TYPE_CHECKING:
    from perdure.agents import Turn
    from perdure.app.client import Client
    from perdure.cli.chat.background import Background
    from perdure.cli.turn_view import TurnView


class Leaving(Exception):
    """The second Ctrl-C: leave at once; the turn goes on at the next start."""


class Asked(msgspec.Struct, frozen=True):
    """The turn waits for a person's answer."""

    prompt: str
    how: str


class Interrupted(msgspec.Struct, frozen=True):
    """Ctrl-C."""


class Over(msgspec.Struct, frozen=True):
    """The stream has ended, or could not be read."""

    error: BaseException | None = None


News: TypeAlias = Chunk | Asked | Interrupted | Over


def follow(background: Background, client: Client, turn: Turn, view: TurnView) -> None:
    """Show a turn until it has ended; the first Ctrl-C stops it. Raises: Leaving at the second."""
    news: SimpleQueue[News] = SimpleQueue()
    tasks = [background.submit(_stream(turn, news)), background.submit(_questions(client, turn, news))]
    interrupted = False
    try:
        with interrupts(lambda: news.put(Interrupted())), no_echo(), view:
            while not isinstance(item := news.get(), Over):
                if isinstance(item, Chunk):
                    view.feed(item)
                elif isinstance(item, Asked):
                    view.note(Text(f"{item.prompt}\n{item.how}", style="yellow"))
                elif interrupted:
                    raise Leaving
                else:
                    interrupted = True
                    view.note(Text("stopping; Ctrl-C again to leave", style="magenta"))
                    tasks.append(background.submit(_stop(turn, news)))
            if item.error is not None:
                raise item.error
    finally:
        for task in tasks:
            task.cancel()


async def _stream(turn: Turn, news: SimpleQueue[News]) -> None:
    try:
        async for chunk in turn.stream():
            news.put(chunk)
    except Exception as error:
        news.put(Over(error))
    else:
        news.put(Over())


async def _questions(client: Client, turn: Turn, news: SimpleQueue[News]) -> None:
    """A turn that asks a person says nothing in its stream: its run says that it waits."""
    told = set[str]()
    watch = client.store.watch(f"run:{turn.run_id}")
    try:
        while (await turn.record()).status not in ENDED:
            for question in await client.questions.list(run_id=turn.run_id):
                if question.question_id not in told:
                    told.add(question.question_id)
                    how = f"perdure runs resolve {question.run_id} {question.position} --again|--failed|--value JSON"
                    news.put(Asked(question.prompt, how))
            await watch.wait()
    finally:
        watch.close()


async def _stop(turn: Turn, news: SimpleQueue[News]) -> None:
    try:
        await turn.stop("stopped in the terminal")
    except Exception as error:
        news.put(Over(error))
