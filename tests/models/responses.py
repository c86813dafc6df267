"""What OpenAI's Responses API streams, for the loopback server to play."""

import json
from collections.abc import Mapping

from tests.models.loopback import Chunk

THOUGHT: dict[str, object] = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"}
SAID: dict[str, object] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}
CALLED: dict[str, object] = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "c1",
    "name": "find",
    "arguments": '{"n":1}',
    "status": "completed",
}


def event(kind: str, **data: object) -> Chunk:
    return Chunk(json.dumps({"type": kind, "sequence_number": 0, **data}))


def response(status: str, *output: Mapping[str, object]) -> dict[str, object]:
    usage = {
        "input_tokens": 7,
        "output_tokens": 3,
        "total_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 1},
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "gpt-5-mini",
        "status": status,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def begin() -> Chunk:
    return event("response.created", response=response("in_progress"))


def thought() -> tuple[Chunk, ...]:
    return tuple(event(f"response.output_item.{each}", output_index=0, item=THOUGHT) for each in ("added", "done"))


def said(*pieces: str) -> tuple[Chunk, ...]:
    at = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    deltas = [event("response.output_text.delta", delta=piece, logprobs=[], **at) for piece in pieces]
    added = event("response.output_item.added", output_index=1, item={**SAID, "content": list[object]()})
    return (added, *deltas, event("response.output_item.done", output_index=1, item=SAID))


def called() -> tuple[Chunk, ...]:
    added = event("response.output_item.added", output_index=2, item=CALLED | {"arguments": ""})
    pieces = ('{"n"', ":1}")
    at = {"item_id": "fc_1", "output_index": 2}
    deltas = [event("response.function_call_arguments.delta", delta=piece, **at) for piece in pieces]
    return (added, *deltas, event("response.output_item.done", output_index=2, item=CALLED))
