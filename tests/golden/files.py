"""The form of a kept file: one JSON line that says what it is, then one line for each row that a store exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

import msgspec

from perdure.core.decisions import changes
from perdure.core.messages import Message, Part, decode_part, encode_part
from perdure.core.values import Value

FILES = Path(__file__).parent / "files"
FORMAT = 1


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    format: int
    program: str
    moment: str
    executed: list[str]


class Line(msgspec.Struct, frozen=True):
    """One row, as the name of a change and its fields; parts are raw, as a store keeps them."""

    change: str
    fields: msgspec.Raw
    parts: list[msgspec.Raw] = []


def write(header: Header, rows: Sequence[changes.Change], folder: Path = FILES) -> None:
    """Keep a file. Raises: FileExistsError, because a file that is kept never changes."""
    lines = [msgspec.json.encode(header), *(msgspec.json.encode(_line(row)) for row in rows)]
    with (folder / f"{header.program}-{header.moment}.jsonl").open("xb") as file:
        file.write(b"\n".join(lines) + b"\n")


def read(program: str, moment: str, folder: Path = FILES) -> tuple[Header, list[changes.Change]]:
    """What is kept of a program at a moment."""
    first, *lines = (folder / f"{program}-{moment}.jsonl").read_bytes().splitlines()
    known = dict[str, Value]()
    rows = [_row(msgspec.json.decode(line, type=Line), known) for line in lines]
    return msgspec.json.decode(first, type=Header), rows


def _line(row: changes.Change) -> Line:
    """A run and a message are whole in the row that inserts them; the others name them."""
    fields: dict[str, Value] = dict(row._asdict())
    parts: tuple[Part, ...] = ()
    if isinstance(row, changes.WriteParts):
        parts, fields["parts"], fields["message"] = row.parts, (), row.message.message_id
    elif isinstance(row, changes.InsertMessage):
        assert row.message.parts == ()
    elif "run" in fields and not isinstance(row, changes.InsertRun):
        fields["run"] = fields["run"].run_id
    raw = msgspec.Raw(msgspec.json.encode(fields))
    return Line(type(row).__name__, raw, [msgspec.Raw(encode_part(part)) for part in parts])


def _row(line: Line, known: dict[str, Value]) -> changes.Change:
    kind: type[Value] = getattr(changes, line.change)
    hints = get_type_hints(kind)
    fields = dict[str, Value]()
    for name, raw in msgspec.json.decode(line.fields, type=dict[str, msgspec.Raw]).items():
        if name in {"run", "message"} and bytes(raw).startswith(b'"'):
            fields[name] = known[msgspec.json.decode(raw)]
        elif name == "message":
            fields[name] = _message(raw)
        elif name == "parts":
            fields[name] = tuple(decode_part(bytes(part)) for part in line.parts)
        else:
            fields[name] = msgspec.json.decode(raw, type=hints[name])
    if kind is changes.InsertRun:
        known[fields["run"].run_id] = fields["run"]
    elif kind is changes.InsertMessage:
        known[fields["message"].message_id] = fields["message"]
    return kind(**fields)


def _message(raw: msgspec.Raw) -> Message:
    """A message without its parts, which have a row each."""
    hints = get_type_hints(Message)
    given = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    read = {name: msgspec.json.decode(field, type=hints[name]) for name, field in given.items() if name != "parts"}
    return Message(**read)
