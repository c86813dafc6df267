"""An agent over a folder: three tools, and the loop that runs them."""

import json
from pathlib import Path

import msgspec

from perdure.core.messages import Part, ToolCallPart
from perdure.models.protocol import Model, ModelRequest, ToolSpec
from tests.models.conversation import assistant, reply_of, tool, user

FIXTURE = Path(__file__).parent / "fixture_tree"
MAX_HITS = 100

TOOLS = (
    tool("list_files", "The files of the project.", folder={"type": "string", "default": "."}),
    tool("search_text", "Lines that have a text, in any case, as path:line: text.", text="string"),
    tool(
        "read_file",
        "A file, or some of its lines.",
        path="string",
        start={"type": "integer", "default": 1},
        end={"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
    ),
)


class Folder:
    """The tools' work; `calls` is what was asked."""

    def __init__(self, root: Path = FIXTURE) -> None:
        self.root = root
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.files = sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.suffix in {".py", ".md", ".toml", ".ts"} and "__pycache__" not in path.parts
        )

    def lines(self, path: str) -> list[str]:
        return (self.root / path).read_text().splitlines()

    def run(self, name: str, arguments: dict[str, object]) -> object:
        self.calls.append((name, arguments))
        if name == "list_files":
            return "\n".join(self.files)
        if name == "search_text":
            return "\n".join(self.search(str(arguments["text"]))) or "nothing"
        first, last = int(str(arguments.get("start", 1))), arguments.get("end")
        lines = self.lines(str(arguments["path"]))[first - 1 : int(str(last)) if last is not None else None]
        return "\n".join(f"{number}\t{line}" for number, line in enumerate(lines, first))

    def search(self, text: str) -> list[str]:
        hits = [
            f"{path}:{number}: {line}"
            for path in self.files
            for number, line in enumerate(self.lines(path), 1)
            if text.lower() in line.lower()
        ]
        return hits[:MAX_HITS]


async def answer(
    model: Model, question: str, folder: Folder, tools: tuple[ToolSpec, ...] = TOOLS, instructions: str = ""
) -> tuple[str, list[list[ToolCallPart]]]:
    """The last words of a turn, and the calls of each round before them."""
    parts: list[Part] = []
    rounds: list[list[ToolCallPart]] = []
    while len(rounds) < 10:
        history = (user(question), assistant(*parts)) if parts else (user(question),)
        request = ModelRequest(messages=history, tools=tools, step=len(rounds), instructions=instructions)
        reply = await reply_of(model, request)
        calls = [part for part in reply.parts if isinstance(part, ToolCallPart)]
        if not calls:
            return "".join(getattr(part, "text", "") for part in reply.parts), rounds
        rounds.append(calls)
        for call in calls:
            output = folder.run(call.tool, json.loads(call.arguments))
            parts.append(msgspec.structs.replace(call, state="completed", output=output))
    raise AssertionError("the model never came to an end")
