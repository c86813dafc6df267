"""A conversation that is recalled while its last turn is executed: nothing that was being written is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure import Agent, App, Message, TerminalError, Thread
from perdure.agents.loop import PREFIX
from perdure.app.client import Client
from perdure.cli import terminal
from perdure.cli.chat.background import Background
from perdure.cli.chat.session import Session
from perdure.testing.scripted import Piece, ScriptedModel, fail, say


class EndsMeanwhile(Thread):
    """Its latest turn ends after the messages were read, and before anything else is asked."""

    def __init__(self, client: Client, thread_id: str, working: App) -> None:
        super().__init__(client.access, lambda agent: client.workflows.get(f"{PREFIX}{agent}"), thread_id)
        self._client = client
        self._working = working

    async def messages(self) -> list[Message]:
        found = await super().messages()
        turn = await self.turn()
        assert turn is not None
        async with self._working:
            await self._client.run(turn.run_id).wait()
        return found


@pytest.fixture(autouse=True)
def consoles() -> Iterator[None]:
    """Consoles of this test's own stdout and stderr."""
    caches = (terminal.answers, terminal.notes)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize(
    ("script", "answer"), [(say("Dry."), "Dry.\n"), (fail(TerminalError("out of words")), "")], ids=["ended", "failed"]
)
def test_what_was_streaming_when_the_conversation_was_recalled_is_shown_though_it_has_ended(
    script: Piece, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", _nothing_more)
    agent = Agent("assistant", model=ScriptedModel([script]))
    url = f"sqlite:///{tmp_path}/perdure.db"
    asking, working = App(url, agents=[agent]).client(), App(url, agents=[agent])
    with Background() as background:
        background.call(asking.__aenter__())
        made = background.call(asking.threads.create(agent))
        background.call(made.send("Weather in Oslo?"))
        assert Session(background, asking, EndsMeanwhile(asking, made.id, working)).talk() == 0
        background.call(asking.__aexit__(None, None, None))
    said = capsys.readouterr()
    assert said.out == answer
    assert "Weather in Oslo?" in said.err
    assert ("error run_failed" in said.err) == (not answer)


def _nothing_more(prompt: str) -> str:
    raise EOFError
