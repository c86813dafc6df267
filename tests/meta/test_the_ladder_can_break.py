"""Each contract of pyproject.toml is kept by a clean house and broken by the import that it forbids."""

import os
import subprocess
import sys
from pathlib import Path

from tests.meta.project import ROOT

HOUSE = """
    errors core.clock core.run stores.memory stores.sqlite.writer stores.postgres streams.follow runs.worker models.seam
    turns.step agents.loop tasks.control app.facade server.routes client.http integrations.temporal integrations.restate
    demo.conductor cli.demo testing.clock
"""

CLEAN = {
    "core.clock": "import asyncio",
    "stores.sqlite.writer": "import apsw",
    "stores.postgres": "import asyncpg",
    "models.seam": "def lazily():\n    import pydantic_ai",
    "server.routes": "import starlette",
    "cli.demo": "import perdure\nimport rich",
}

FORBIDDEN = {
    "core.run": ("perdure.runs.worker", "asyncio", "socket", "sqlite3"),
    "errors": ("http", "perdure.core.run"),
    "stores.memory": ("perdure.stores.postgres", "perdure.core.run"),
    "streams.follow": ("http", "perdure.stores.sqlite.writer"),
    "runs.worker": ("perdure.models.seam", "perdure.turns.step", "perdure.agents.loop", "apsw", "perdure"),
    "models.seam": ("perdure.stores.memory", "perdure.streams.follow", "rich"),
    "turns.step": ("perdure.models.seam", "perdure.agents.loop"),
    "agents.loop": ("perdure.stores.sqlite.writer", "httpx", "perdure.app.facade", "asyncpg", "openai"),
    "app.facade": ("perdure.server.routes", "perdure.testing.clock", "starlette", "perdure.integrations.temporal"),
    "integrations.restate": ("perdure.integrations.temporal",),
    "demo.conductor": ("perdure.cli.demo", "perdure.testing.clock", "rich", "perdure"),
    "cli.demo": ("perdure.testing.clock",),
}


def build_house(folder: Path, imports: dict[str, list[str]]) -> None:
    for name in HOUSE.split():
        path = folder / "perdure" / Path(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(imports.get(name, [])) + "\n")
    for package in {path.parent for path in folder.rglob("*.py")}:
        (package / "__init__.py").touch()


def lint(folder: Path) -> str:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [lint_imports, "--no-cache", "--config", ROOT / "pyproject.toml"]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True).stdout


def test_a_clean_house_keeps_every_contract(tmp_path: Path) -> None:
    build_house(tmp_path, {name: [statement] for name, statement in CLEAN.items()})
    report = lint(tmp_path)
    assert "KEPT" in report
    assert "0 broken" in report, report


def test_each_forbidden_import_is_named_and_each_contract_breaks(tmp_path: Path) -> None:
    # In a function and under TYPE_CHECKING by turns: neither hides an import.
    hidden = ["def lazily():\n    import {}", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {}"]
    build_house(
        tmp_path,
        {name: [hidden[turn % 2].format(each) for turn, each in enumerate(taken)] for name, taken in FORBIDDEN.items()},
    )
    (tmp_path / "perdure" / "attic").mkdir()
    (tmp_path / "perdure" / "attic" / "__init__.py").touch()
    report = lint(tmp_path)
    wrong = [f"{name} -> {each} (" for name, taken in FORBIDDEN.items() for each in taken]
    assert [each for each in wrong if each not in report] == []
    assert " KEPT" not in report, report
    assert "perdure.attic" in report, "a room that the ladder does not know"
