"""The agent's tools: three that look into a folder, and one whose effect must happen once.

Each takes a moment, and writes to the ledger when it begins and when it ends: something to be killed in, and something
to count.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from perdure.agents import Tool, ToolContext, tool
from perdure.core.ids import new_id
from perdure.demo.folder import Folder
from perdure.demo.ledger import executing, ledger_at
from perdure.demo.outbox import Outbox
from perdure.demo.settings import Settings

REPORT = "send_report"


def tools_of(settings: Settings) -> list[Tool]:
    """The tools of one demo."""
    folder, outbox = Folder(Path(settings.folder)), Outbox(settings.outbox)
    execution = partial(executing, ledger_at(settings.ledger), takes=settings.tool_for)

    @tool(read_only=True)
    def list_files() -> str:
        """List the text files of the folder."""
        with execution("list_files"):
            return folder.list()

    @tool(read_only=True)
    def search_text(query: str) -> str:
        """Search all files for a text, in any case of letters; gives a line per match, as `path:line: text`.

        Args:
            query: What to search for.
        """
        with execution("search_text"):
            return folder.search(query)

    @tool(read_only=True)
    def read_file(path: str, start_line: int = 1, end_line: int = 200) -> str:
        """Read some lines of a file, with their numbers.

        Args:
            path: The file, as list_files names it.
            start_line: The first line, from 1.
            end_line: The last line.
        """
        with execution("read_file"):
            return folder.read(path, start_line, end_line)

    @tool(idempotent=True)
    def send_report(context: ToolContext, text: str) -> str:
        """Send a report to those who asked.

        Args:
            text: The report.
        """
        with execution(REPORT):
            key = new_id("careless") if settings.careless else context.idempotency_key
            return "sent" if outbox.send(key, text) else "it was sent before, and was not sent again"

    return [list_files, search_text, read_file, send_report]
