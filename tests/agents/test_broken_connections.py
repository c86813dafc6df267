"""A connection that is reset at any point of a stream: the turn asks again, and ends in what the whole answer says."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from contextlib import closing

import pytest

from perdure import Agent, Retry, Thread
from perdure.core.messages import ToolCallPart
from perdure.errors import RunFailed
from perdure.models.compatible import OpenAICompatible
from tests.agents.conftest import Stage, folded
from tests.models.loopback import Chunk, end, text, tool_call
from tests.models.strict import complaints

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
AGAIN = Retry(attempts=3, initial=0.001, cap=0.002)


def body_of(acts: Sequence[object]) -> bytes:
    return HEAD + b"".join(f"data: {act.data}\n\n".encode() for act in acts if isinstance(act, Chunk))


ANSWER = body_of((*text("14 °C ", "and rain."), *end()))
CALL = body_of((*text("Looking. "), *tool_call(0, "c1", "look", '{"place": ', '"Oslo"}'), *end("tool_calls")))
DONE = b"data: [DONE]"
FINISH = b'"finish_reason": "stop"'
POINTS: dict[str, bytes] = {
    "at once": b"",
    "in the head": HEAD[:20],
    "after the head": HEAD,
    "in the first event": ANSWER[: len(HEAD) + 9],
    "after the first word": ANSWER[: ANSWER.index(b"\n\n", len(HEAD)) + 2],
    "in the second event": ANSWER[: ANSWER.index(b"and rain") + 3],
    "before the finish reason": ANSWER[: ANSWER.index(FINISH)],
    "in a call's name": CALL[: CALL.index(b'"look"') + 3],
    "in a call's arguments": CALL[: CALL.index(b"Oslo") + 2],
    "after a call's arguments": CALL[: CALL.index(b'"finish_reason": "tool_calls"')],
}


class Socket:
    """A server that writes the given bytes for each request; it resets the connection where they are no answer."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.wrong = list[str]()
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        self.wrong += complaints(json.loads(await reader.readexactly(length)))
        self.asked += 1
        data = self.answers.pop(0)
        writer.write(data)
        await writer.drain()
        if DONE not in data:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def open(self) -> tuple[asyncio.Server, str]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def look(place: str) -> str:
    """Look at a place."""
    return f"rain in {place}"


async def opened(stage: Stage, url: str) -> Thread:
    model = OpenAICompatible("any", base_url=url)
    return await stage.open(Agent("assistant", model=model, tools=[look], retry=AGAIN))


@pytest.mark.parametrize("point", POINTS)
async def test_a_reset_at_any_point_is_asked_again(stage: Stage, point: str) -> None:
    played = Socket(POINTS[point], CALL, POINTS[point], ANSWER, ANSWER)
    server, url = await played.open()
    with closing(server):
        thread = await opened(stage, url)
        turn = await thread.send("Weather?")
        fold = await folded(turn.stream())
        reply = await turn.result()
        calls = [(part.state, part.output) for part in reply.parts if isinstance(part, ToolCallPart)]
        assert calls == [("completed", "rain in Oslo")]
        assert (reply.status, reply.text, fold.text, fold.gaps) == ("complete", *["Looking. 14 °C and rain."] * 2, 0)
        assert (await (await thread.send("And now?")).result()).text == "14 °C and rain."
        assert (played.asked, played.wrong) == (5, [])


@pytest.mark.parametrize("point", POINTS)
async def test_resets_that_do_not_end_fail_the_turn_and_the_thread_goes_on(stage: Stage, point: str) -> None:
    played = Socket(*[POINTS[point]] * 3, ANSWER)
    server, url = await played.open()
    with closing(server):
        thread = await opened(stage, url)
        turn = await thread.send("Weather?")
        with pytest.raises(RunFailed) as failed:
            await turn.result()
        assert failed.value.cause_type in {"ModelUnavailable", "ModelCutOff"}
        reply = await turn.message()
        assert reply.status == "failed"
        assert [part.state for part in reply.parts if isinstance(part, ToolCallPart)] in ([], ["failed"])
        assert (await thread.record()).status == "failed"
        assert (await (await thread.send("And now?")).result()).text == "14 °C and rain."
        assert (played.asked, played.wrong) == (4, [])
