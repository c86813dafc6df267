"""A server on loopback that speaks as OpenAI's does and plays what a test scripts: one scenario a request.

    with Loopback() as server:
        server.play(say("Hel", "lo"), refuse(429, {"code": "rate_limit_exceeded"}, {"retry-after": "2"}))
        model = OpenAICompatible("any", base_url=server.base_url)

It answers only the real `openai` client, which it knows by its headers, and refuses with a 400 whatever the strictest
provider refuses in a request, whichever scenario is due; `refused` says why.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
import openai
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.models import strict_responses
from tests.models.strict import complaints


class Act(msgspec.Struct, frozen=True):
    """A moment of a response: a chunk of its body, a wait, or its end."""


class Chunk(Act, frozen=True):
    """One server-sent event."""

    data: str


class Raw(Act, frozen=True):
    """A piece of a body that is no server-sent event."""

    data: str


class Stall(Act, frozen=True):
    """Nothing more, until the client goes."""


class Drop(Act, frozen=True):
    """The connection breaks; the body never ends."""


class Hold(Act, frozen=True):
    """Nothing, until the test sets the event or the client goes."""

    until: threading.Event


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One response; `before` happens before its headers are sent."""

    acts: tuple[Act, ...] = ()
    before: tuple[Act, ...] = ()
    status: int = 200
    headers: dict[str, str] = {}


class Received(msgspec.Struct, frozen=True):
    """One request, and whether its client went before the response was whole."""

    headers: Mapping[str, str]
    body: dict[str, Any]
    left: threading.Event


def chunk(delta: Mapping[str, object] | None = None, finish: object = None, **more: object) -> Chunk:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "loopback-1"}
    return Chunk(json.dumps(head | {"choices": [choice]} | more))


def text(*pieces: str) -> tuple[Chunk, ...]:
    return tuple(chunk({"role": "assistant", "content": piece}) for piece in pieces)


def tool_call(index: int, call_id: str, name: str, *arguments: str) -> tuple[Chunk, ...]:
    """A tool call whose arguments come in pieces; only the first chunk names it."""
    head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": index, "function": {"arguments": piece}} for piece in arguments]
    return tuple(chunk({"tool_calls": [each]}) for each in [head, *rest])


def end(finish: object = "stop", usage: Mapping[str, object] | None = None) -> tuple[Act, ...]:
    tokens = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10} | dict(usage or {})
    return (chunk(finish=finish), chunk(choices=[], usage=tokens), Chunk("[DONE]"))


def say(*pieces: str) -> Scenario:
    return Scenario(acts=(*text(*pieces), *end()))


def call(*calls: Sequence[Act]) -> Scenario:
    return Scenario(acts=(*(act for each in calls for act in each), *end("tool_calls")))


def refuse(status: int, error: object = None, headers: Mapping[str, str] | None = None) -> Scenario:
    body = json.dumps({"error": error}) if error is not None else ""
    return Scenario(status=status, headers={"content-type": "application/json", **(headers or {})}, acts=(Chunk(body),))


class _Broken(Exception):
    """Makes uvicorn close the connection in the middle of the body."""


class Loopback:
    """The server, in a thread of its own; it serves what was played last."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.strangers: list[Mapping[str, str]] = []
        self.refused: list[str] = []
        self._scenarios: list[Scenario] = []
        # asyncio sends small writes at once only where a socket says that it is TCP.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        paths = ("/v1/chat/completions", "/v1/responses")
        app = Starlette(routes=[Route(path, endpoint=_Endpoint(self), methods=["POST"]) for path in paths])
        config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def play(self, *scenarios: Scenario) -> None:
        self._scenarios, self.requests = list(scenarios), []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()
        assert self.strangers == [], "a client that is not the real one came"
        assert self.refused == [], "a request came that the strictest provider refuses"

    def take(self, headers: Mapping[str, str], body: dict[str, Any]) -> tuple[Received, Scenario]:
        if (
            headers.get("x-stainless-package-version") != openai.__version__
            or headers.get("x-stainless-lang") != "python"
        ):
            self.strangers.append(headers)
        received = Received(headers, body, threading.Event())
        self.requests.append(received)
        wrong = "; ".join(complaints(body) if "messages" in body else strict_responses.complaints(body))
        if wrong:
            self.refused.append(wrong)
            return received, refuse(400, {"message": wrong, "type": "invalid_request_error"})
        return received, self._scenarios.pop(0) if self._scenarios else refuse(501, {"message": "nothing is scripted"})


class _Endpoint:
    def __init__(self, server: Loopback) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        received, scenario = self._server.take(dict(request.headers), await request.json())
        gone = asyncio.ensure_future(_gone(receive, received))
        try:
            for act in scenario.before:
                await _play(act, gone, send)
            headers = {"content-type": "text/event-stream", **scenario.headers}
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": scenario.status, "headers": raw})
            for act in scenario.acts:
                await _play(act, gone, send, is_stream=scenario.status == 200)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()


async def _gone(receive: Receive, received: Received) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    received.left.set()


async def _play(act: Act, gone: asyncio.Future[None], send: Send, *, is_stream: bool = True) -> None:
    if isinstance(act, Chunk):
        data = f"data: {act.data}\n\n" if is_stream else act.data
        await send({"type": "http.response.body", "body": data.encode(), "more_body": True})
    elif isinstance(act, Raw):
        await send({"type": "http.response.body", "body": act.data.encode(), "more_body": True})
    elif isinstance(act, Drop):
        raise _Broken
    elif isinstance(act, Hold):
        held = asyncio.ensure_future(asyncio.to_thread(act.until.wait, 30))
        await asyncio.wait([held, gone], return_when=asyncio.FIRST_COMPLETED)
    else:
        await gone
