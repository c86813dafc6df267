"""What the tools have returned in this turn so far: lines of files, paths, and texts that belong to no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from perdure.core.messages import Message, ToolCallPart
from perdure.models.extractive.passages import Line, lines_of, looks_like_path, paths_of
from perdure.models.extractive.tools import Tool
from perdure.models.shapes import is_list, is_record

_MARGIN = 3


class Evidence(msgspec.Struct):
    """Shape: `files` are lines by path and number, `read` the numbers that reads gave, `said` a tool's own words."""

    files: dict[str, dict[int, str]] = {}
    read: dict[str, set[int]] = {}
    listed: list[str] = []
    loose: list[Line] = []
    said: list[tuple[ToolCallPart, str]] = []
    failed: list[ToolCallPart] = []

    def covers(self, path: str, number: int) -> bool:
        """Whether a line and what stands around it was read."""
        seen = self.read.get(path, set())
        near = {each for each in range(number - _MARGIN, number + _MARGIN + 1) if each > 0}
        return number in seen and len(near & seen) > _MARGIN

    def has_read(self, path: str) -> bool:
        """Whether anything of a file was read."""
        return path in self.read


def calls_of(messages: Sequence[Message]) -> list[ToolCallPart]:
    """The tool calls of the turn that is going on, in order."""
    last = messages[-1] if messages else None
    if last is None or last.role != "assistant":
        return []
    return [part for part in last.parts if isinstance(part, ToolCallPart)]


def gather(calls: Sequence[ToolCallPart], tools: Sequence[Tool]) -> Evidence:
    """Everything that the finished calls returned, by what kind of tool it came from."""
    evidence, by_name = Evidence(), {tool.name: tool for tool in tools}
    for call in calls:
        tool = by_name.get(call.tool)
        if call.state != "completed":
            evidence.failed.append(call)
        elif tool is None or tool.role in {"search", "read"}:
            _take_lines(evidence, call, tool)
        elif tool.role == "list":
            evidence.listed.extend(paths_of(call.output))
        elif tool.role == "direct":
            evidence.said.append((call, said_by(call.output)))
    return evidence


def arguments_of(call: ToolCallPart) -> Mapping[str, object]:
    """A call's arguments; none where they are no JSON object."""
    try:
        decoded: object = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}
    return decoded if is_record(decoded) else {}


def said_by(output: object) -> str:
    """A tool's output in its own words."""
    if isinstance(output, str):
        return output.strip()
    if is_record(output):
        for key in ("answer", "text", "result", "content", "message"):
            value = output.get(key)
            if isinstance(value, str):
                return value.strip()
        return "\n".join(f"{key}: {_plain(value)}" for key, value in output.items())
    if is_list(output):
        return "\n".join(said_by(each) for each in output)
    return _plain(output)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _take_lines(evidence: Evidence, call: ToolCallPart, tool: Tool | None) -> None:
    arguments = arguments_of(call)
    path, first = None, 1
    if tool is not None and tool.role == "read" and tool.path is not None:
        named = arguments.get(tool.path.name)
        path = str(named) if isinstance(named, str) else None
        start = arguments.get(tool.first.name) if tool.first is not None else None
        first = start if isinstance(start, int) and start > 0 else 1
    if evidence.loose:
        evidence.loose.append(Line(None, None, ""))  # no sentence goes on in another output
    for line in lines_of(call.output, path, first):
        if line.path is None or line.number is None or not (line.path == path or looks_like_path(line.path)):
            evidence.loose.append(line)
            continue
        evidence.files.setdefault(line.path, {})[line.number] = line.text
        if path is not None:
            evidence.read.setdefault(line.path, set()).add(line.number)
