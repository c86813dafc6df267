"""The reader of a demo goes on after its last cursor, however soon it drops its connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure import Agent, App
from perdure.core.ids import derived_random
from perdure.demo import reader
from perdure.demo.counting import differences
from perdure.demo.received import chunks_of, folded, received_at
from perdure.demo.settings import Settings
from perdure.testing.scripted import ScriptedModel, call, say

TEXT = "one two three four five six seven eight nine ten"


async def test_a_reader_of_one_chunk_a_connection_receives_each_chunk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "FEWEST", 1)
    monkeypatch.setattr(reader, "MOST", 1)
    monkeypatch.setattr(reader, "AWAY_FOR", 0.0)
    settings = Settings(workspace=str(tmp_path), folder="", question="?", model="", seed=1)

    def look(place: str) -> str:
        return place

    agent = Agent("demo", model=ScriptedModel([call("look", place="here"), say(TEXT)]), tools=[look])
    async with App(settings.store, agents=[agent]) as app:
        thread = await app.threads.create("demo")
        turn = await thread.send(settings.question)
        await turn.result()
        await reader.receive(settings, thread.id, derived_random(b"1"))
        received = received_at(settings.received).read()
        seqs = [chunk.seq for chunk in chunks_of(received)]
        assert len(set(seqs)) == len(seqs)
        assert received[-1].connection >= len(seqs)
        assert differences(folded(received), await turn.message()) == (0, 0)
