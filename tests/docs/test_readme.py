"""Documented means executed: the README's programs run."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
import re
import types
from pathlib import Path

import pytest

import perdure
from perdure.core.values import Value
from perdure.testing.clock import FakeClock

README = Path(__file__).parents[2] / "README.md"
PROGRAM, FUNCTION = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


async def test_the_program_answers_with_the_tool_s_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERDURE_STORE", raising=False)
    monkeypatch.delenv("PERDURE_MODEL", raising=False)
    module = types.ModuleType("assistant")
    exec(compile(PROGRAM, "README.md", "exec"), vars(module))  # noqa: S102 - it is ours
    app: perdure.App = vars(module)["app"]
    async with app:
        thread = await app.threads.create(vars(module)["assistant"])
        reply = await (await thread.send("Weather in Oslo?")).result()
    assert "14 °C and rain in Oslo" in reply.text
    assert (tmp_path / "perdure.db").exists()


def test_the_program_is_twenty_lines_at_most() -> None:
    assert len(PROGRAM.strip().splitlines()) <= 20


async def test_the_function_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = FakeClock(), list[str]()
    app = functools.partial(perdure.App, f"sqlite:///{tmp_path}/perdure.db", clock=clock)
    monkeypatch.setattr(perdure, "App", app)

    def effect(name: str, *args: Value) -> str:
        done.append(name)
        return f"{name} {args[0]}"

    names = ("create_user", "send_mail", "push_crm", "activate")
    effects = {name: _effect(effect, name) for name in names}
    function = FUNCTION.replace("timedelta(days=1)", "timedelta(minutes=1)")  # a fake day has many fake ticks
    code = compile(function, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed: Value = done.append
    made = types.FunctionType(code, globals() | effects | {"print": printed})
    assert inspect.iscoroutinefunction(made)
    running = asyncio.ensure_future(made())
    while not running.done():
        await clock.advance(10)
    await running
    assert sorted(done[:3]) == ["create_user", "push_crm", "send_mail"]
    assert done[3:] == ["activate", "activate create_user ana@example.org"]


def _effect(effect: Value, name: str) -> Value:
    async def call(*args: Value) -> str:
        return effect(name, *args)

    return call
