"""Somebody's words on a terminal: shown, and never obeyed."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from rich.text import Text

from perdure import App, Context
from perdure.cli.terminal import SafeConsole
from tests.cli.shell import Shell


def shown(what: str | Text, **options: Any) -> str:
    file = io.StringIO()
    SafeConsole(file=file, width=80, color_system="standard", **options).print(
        Text(what) if isinstance(what, str) else what
    )
    return file.getvalue()


@pytest.mark.parametrize("code", [0x00, 0x07, 0x08, 0x0D, 0x1B, 0x7F, 0x9B])
def test_a_control_character_is_shown_as_one_that_does_nothing(code: int) -> None:
    assert shown(f"a{chr(code)}[31mb").replace("\N{REPLACEMENT CHARACTER}", "") == "a[31mb\n"


def test_any_other_character_stays_as_it_is_and_the_console_may_draw() -> None:
    assert shown("14 °C\nrain [bold] 🌧") == "14 °C\nrain [bold] 🌧\n"
    assert shown(Text("rain", style="red"), force_terminal=True) == "\x1b[31mrain\x1b[0m\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["runs", "list"], ["runs", "show", "red\x1b[31m"]])
def test_an_id_can_not_drive_the_terminal(shell: Shell, command: list[str]) -> None:
    async def start() -> None:
        app = App(shell.store)

        @app.workflow
        async def nothing(ctx: Context) -> None: ...

        async with app.client() as client:
            await client.start(nothing, run_id="red\x1b[31m")

    asyncio.run(start())
    ended = shell.run(*command, "--store", shell.store)
    assert ended.returncode == 0, ended.stderr
    assert "red" in ended.stdout
    assert "\x1b" not in ended.stdout + ended.stderr
