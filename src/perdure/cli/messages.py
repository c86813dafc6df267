"""Messages on a terminal: words, reasoning, and tool calls as one line each."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from perdure.cli.colours import TOOL_SIGN
from perdure.cli.terminal import Indented, short
from perdure.core.messages import Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolState, UnknownPart
from perdure.core.values import Value, encode

ARGUMENTS, OUTPUT = 60, 100
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STATUS = {
    "complete": "",
    "streaming": "is being written",
    "cut_off": "was cut off here",
    "stopped": "was stopped here",
    "failed": "failed here",
}


def said(message: Message) -> RenderableType:
    """A message: who, then each part."""
    who = Text(message.role, style="bold cyan" if message.role == "user" else "bold green")
    blocks = [part_block(part) for part in message.parts]
    state = _STATUS[message.status]
    tail = [Text(f"({state})", style="magenta")] if state else []
    return Group(who, *(Indented(block) for block in [*blocks, *tail]))


def part_block(part: Part) -> RenderableType:
    """One part of a message; one of an unknown kind is shown as such."""
    if isinstance(part, TextPart):
        return Text(part.text)
    if isinstance(part, ReasoningPart):
        return Text(part.text, style="dim italic")
    if isinstance(part, ToolCallPart):
        return call_line(part.tool, part.arguments, part.state, part.output, part.error)
    return _unknown(part)


def call_line(
    tool: str, arguments: str | None, state: ToolState, output: Value = None, error: str | None = None
) -> Text:
    """A tool call as one line: its sign, the call, and what came of it."""
    sign, style = TOOL_SIGN[state]
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{sign} ", style).append(tool, "bold").append(f"({_inside(arguments)})", "dim")
    if error is not None:
        line.append(f"  {short(error, OUTPUT)}", style=style)
    elif state == "completed":
        line.append(f"  {_shown(output)}", style="dim")
    return line


def _inside(arguments: str | None) -> str:
    """The arguments as one would write a call; what a model wrote that is no JSON object, as it is."""
    try:
        named = _object.decode(arguments or "{}")
    except msgspec.DecodeError:
        return short(arguments or "", ARGUMENTS)
    return short(", ".join(f"{name}={bytes(value).decode()}" for name, value in named.items()), ARGUMENTS)


def _shown(output: Value) -> str:
    text = output if isinstance(output, str) else encode(output).decode()
    lines = text.count("\n") + 1 if text else 0
    return f"{lines} lines" if lines > 1 else short(text, OUTPUT)


def _unknown(part: UnknownPart) -> Text:
    return Text(f"(a part of kind {part.kind!r}, which this version does not know)", style="dim")
