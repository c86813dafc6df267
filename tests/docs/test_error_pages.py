"""Each code has a page, and what a page says of its class is so; its example ends with its error."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import types
import typing
from datetime import timedelta
from pathlib import Path

import pytest

import perdure
from docs.generate import FOLDER, code_of, pages, tree
from perdure import errors
from perdure.core.values import Value
from perdure.errors import PerdureError, RunFailed

PAGES = FOLDER / "errors"
INDEX = PAGES / "README.md"
CODES = {code: error for error in tree() if (code := code_of(error))}
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)
REQUIRED: dict[object, Value] = {str: "x", int: 1, tuple[str, ...]: ("x",)}


def page_of(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def fields_of(error: type[PerdureError]) -> list[str]:
    """The attributes of an instance, in their order."""
    if not inspect.isfunction(error.__init__):
        return []
    hints = typing.get_type_hints(error.__init__)
    parameters = inspect.signature(error).parameters.values()
    required = [one for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    return [name for name in vars(error(*(REQUIRED.get(hints[one.name]) for one in required))) if name[0] != "_"]


def fields_in(page: str) -> list[str]:
    return re.findall(r"^- `(\w+)`:", page, re.MULTILINE)


def test_each_code_has_a_page_and_each_page_a_code() -> None:
    assert {path.stem for path in PAGES.iterdir() if path != INDEX} == set(CODES)


def test_the_index_goes_by_every_class() -> None:
    every = {getattr(errors, name) for name in errors.__all__} - {PerdureError}
    assert set(tree()) == every
    assert len(tree()) == len(every)


def test_the_index_is_what_the_generator_writes_and_names_every_code() -> None:
    index = INDEX.read_text(encoding="utf-8")
    assert index == pages()[INDEX], "run: make docs"
    assert re.findall(r"^\| \[`(\w+)`\]\(\1\.md\) \|", index, re.MULTILINE) == list(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_page_names_its_class_its_fields_and_whether_it_is_retryable(code: str) -> None:
    page, error = page_of(code), CODES[code]
    title, _, about = page.splitlines()[:3]
    assert title == f"# {code}"
    retryable = "yes" if error.retryable else "no"
    assert re.fullmatch(rf"`{error.__name__}`, an? `{error.__bases__[0].__name__}`\. Retryable: {retryable}\.", about)
    assert fields_in(page) == fields_of(error)
    assert ("It has no fields." in page) == (not fields_of(error))
    assert "**What to do.**" in page
    assert 10 <= len(page.splitlines()) <= 25


def test_a_link_of_a_page_leads_to_a_page() -> None:
    links = {link for code in CODES for link in re.findall(r"\]\((\S+?)\)", page_of(code))}
    assert links
    assert {link for link in links if not (PAGES / link).exists()} == set()


@pytest.mark.parametrize("code", [code for code in CODES if EXAMPLE.search(page_of(code))])
async def test_an_example_ends_with_its_error(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("PERDURE_STORE", "PERDURE_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    (example,) = EXAMPLE.findall(page_of(code))
    compiled = compile(example, f"{code}.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with perdure.App("memory:") as app:
        names: dict[str, Value] = {"perdure": perdure, "app": app, "asyncio": asyncio, "Path": Path}
        error = await raised_by(types.FunctionType(compiled, names | {"timedelta": timedelta}))
        if not isinstance(error, RunFailed) or code == "run_failed":
            assert error.code == code
            return
        failure = (await app.run(error.run_id).record()).failure
        assert failure is not None
        assert failure.code == code or failure.cause_type == CODES[code].__name__


async def raised_by(example: types.FunctionType) -> PerdureError:
    """What it raises, whether or not it awaits something."""
    try:
        if inspect.iscoroutine(running := example()):
            await running
    except PerdureError as error:
        return error
    pytest.fail("nothing was raised")


def test_a_wrong_field_is_seen() -> None:
    assert fields_of(errors.TooLarge) == ["field", "reason", "size", "limit"]
    assert fields_in("- `size`: how much\n- `limit`: at most\n  and `reason`: not one") == ["size", "limit"]
