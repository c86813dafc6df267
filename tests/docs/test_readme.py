"""Documented means executed: each of the README's programs is whole, and runs."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient

import perdure
from perdure.core.values import Value
from perdure.testing.clock import FakeClock

README = Path(__file__).parents[2] / "README.md"
SNIPPETS: list[str] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
PROGRAMS = {snippet.partition(".py\n")[0].removeprefix("# "): snippet for snippet in SNIPPETS}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the programs, as a reader would have it."""
    monkeypatch.chdir(tmp_path)
    for variable in ("PERDURE_STORE", "PERDURE_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    for name, program in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(program, encoding="utf-8")
    return tmp_path


def say_nothing(*words: str) -> None:
    """In the place of print."""


def load(folder: Path, name: str) -> Value:
    """A program, imported."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_program_of_each_kind() -> None:
    assert list(PROGRAMS) == ["assistant", "onboarding", "support", "web"]


async def test_the_program_answers_with_the_tool_s_own_words(folder: Path) -> None:
    module = load(folder, "assistant")
    app: perdure.App = module.app
    async with app:
        thread = await app.threads.create(module.assistant)
        reply = await (await thread.send("Weather in Oslo?")).result()
    assert "14 °C and rain in Oslo" in reply.text
    assert (folder / "perdure.db").exists()


def test_the_program_is_twenty_lines_at_most() -> None:
    assert len(PROGRAMS["assistant"].strip().splitlines()) <= 20


async def test_the_function_lasts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = FakeClock(), list[str]()
    monkeypatch.setattr(perdure, "App", functools.partial(perdure.App, clock=clock))
    program = folder / "onboarding.py"
    program.write_text(program.read_text().replace("timedelta(days=1)", "timedelta(minutes=1)"))  # of many fake ticks
    module = load(folder, "onboarding")

    def say(*words: str) -> None:
        done.append(" ".join(words))

    module.print = say
    running = asyncio.ensure_future(module.main())
    while not running.done():
        await clock.advance(10)
    await running
    assert sorted(done[:2]) == ["Welcome, ana@example.org", "known to the CRM: ana@example.org"]
    assert done[2:] == ["ana@example.org confirmed at noon"]


async def test_the_agent_in_a_program_answers_and_its_text_is_the_message_s(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load(folder, "support")
    for _ in range(2):  # the second time, everything is there already
        await module.main()
        said = capsys.readouterr().out
        assert "lamp, 40 €, delivered broken" in said
        assert " complete " in said
    async with module.app:
        assert len(await module.app.threads.thread("ana").turns()) == 1


@pytest.mark.slow
def test_the_function_is_a_program_that_python_runs(folder: Path) -> None:
    program = folder / "onboarding.py"
    program.write_text(program.read_text().replace("timedelta(days=1)", "timedelta(seconds=0.1)"))
    for printed in (3, 1):  # the second time, everything is there already
        ended = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert len(ended.stdout.splitlines()) == printed
        assert ended.stdout.splitlines()[-1] == "ana@example.org confirmed at noon"


async def test_the_web_application_asks_and_a_worker_works(folder: Path) -> None:
    web = load(folder, "web")
    transport = ASGITransport(app=web.web)
    async with web.opened(web.web), AsyncClient(transport=transport, base_url="http://web") as browser:
        started = (await browser.post("/sign-up", params={"email": "ben@example.org"})).json()
        assert started == (await browser.post("/sign-up", params={"email": "ben@example.org"})).json()
        run = started["run"]
        assert (await browser.get(f"/runs/{run}")).json()["status"] == "queued", "no work is done here"
        assert (await browser.post(f"/runs/{run}/confirm")).json() == {"is_first": True}
        assert (await browser.post(f"/runs/{run}/confirm")).json() == {"is_first": False}
        onboarding = load(folder, "onboarding")
        onboarding.print = say_nothing
        async with onboarding.app:
            watch = web.client.store.watch(f"run:{run}")
            while (said := (await browser.get(f"/runs/{run}")).json())["status"] != "suspended":
                await watch.wait()
            watch.close()
        assert said["waits for"][0].startswith("timer:")
