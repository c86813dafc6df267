"""Streams of turns: continued after any cursor, before and after the end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from perdure import Agent
from perdure.core.chunks import Chunk
from perdure.core.fold import Fold
from perdure.errors import CursorInvalid, ModelUnavailable
from perdure.testing.scripted import call, calls, fail, say, think
from tests.agents.conftest import Stage


async def chunks_of(stage: Stage) -> list[Chunk]:
    def look(place: str) -> str:
        return f"seen {place}"

    model = stage.scripted(
        [think("Hm, let me see."), *calls(call("look", place="a"), call("look", place="b"))],
        [say("Half an ans"), fail(ModelUnavailable("reset", retry_after=0.0))],
        say("The whole answer, word by word."),
    )
    thread = await stage.open(Agent("assistant", model=model, tools=[look]))
    turn = await thread.send("Look")
    live = [chunk async for chunk in turn.stream()]
    await turn.result()
    return live


def shown(fold: Fold) -> list[Chunk]:
    """What a reader shows; which chunk follows which in the log is another matter, and compaction changes it."""
    return [msgspec.structs.replace(chunk, at=0, after=0, lacks=()) for chunk in fold.chunks]


async def test_after_every_cursor_of_a_live_stream_the_rest_comes_to_the_same(stage: Stage) -> None:
    live = await chunks_of(stage)
    assert stage.app is not None
    turn = await stage.app.thread("thread").turn()
    assert turn is not None
    whole = [chunk async for chunk in turn.stream()]
    expected = shown(Fold().add_all(whole))
    assert shown(Fold().add_all(live)) == expected
    for held in range(len(live)):
        fold = Fold().add_all(live[:held])
        after = live[held - 1].cursor if held else None
        async for chunk in turn.stream(after=after):
            fold.add(chunk)
        assert shown(fold) == expected
        assert fold.gaps == 0


async def test_the_folded_stream_says_what_the_message_says(stage: Stage) -> None:
    fold = Fold().add_all(await chunks_of(stage))
    assert stage.app is not None
    turn = await stage.app.thread("thread").turn()
    assert turn is not None
    reply = await turn.message()
    assert fold.text == reply.text == "The whole answer, word by word."
    results = [chunk.output for chunk in fold.chunks if chunk.kind == "tool_result"]
    assert sorted(results) == ["seen a", "seen b"]
    assert fold.chunks[-1].kind == "finish"


async def test_a_sealed_stream_holds_no_second_copy_of_the_text(stage: Stage) -> None:
    await chunks_of(stage)
    assert stage.app is not None
    turn = await stage.app.thread("thread").turn()
    assert turn is not None
    page = await stage.app.store.streams.read(turn.run_id, tenant=None)
    stored = b"".join(entry.body for entry in page.entries)
    assert b"whole" not in stored
    assert b"seen" not in stored
    assert b"Hm" not in stored


NO_NUMBERS = ["", "1", "x.1", "1.x", "-1.1", "1.²", "¹.1", "1.٣", "1.1\n", " 1.1", "01.1", "1.1_0", 1.5]
BEYOND_64_BITS, BEYOND_AN_INT = f"1.{10**19}", f"1.{'9' * 5000}"


@pytest.mark.parametrize(
    "cursor", [*NO_NUMBERS, "2.1", BEYOND_64_BITS, BEYOND_AN_INT], ids=lambda cursor: ascii(cursor)[:12]
)
async def test_a_cursor_that_no_stream_gave_out_is_refused(stage: Stage, cursor: Any) -> None:
    thread = await stage.open(Agent("assistant", model=stage.scripted(say("One."))))
    turn = await thread.send("One?")
    await turn.result()
    with pytest.raises(CursorInvalid):
        async for _ in turn.stream(after=cursor):
            pass
