"""The tree drawn in the docstring of perdure.errors: indentation is inheritance, a line is a class and its code."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import NamedTuple

import perdure
from perdure import errors

LINE = re.compile(r"(?P<indent>(?:  )*)(?P<name>[A-Z]\w+)(?: +(?P<code>[a-z0-9_]+))?")


class Entry(NamedTuple):
    name: str
    parent: str | None
    code: str | None


def drawn(docstring: str) -> list[Entry]:
    text = inspect.cleandoc(docstring).splitlines()
    root = next(number for number, line in enumerate(text) if line.split()[:1] == ["PerdureError"])
    margin = len(text[root]) - len(text[root].lstrip())
    entries: list[Entry] = []
    ancestors: list[str] = []
    for line in text[root:]:
        if not line.strip():
            break
        match = LINE.fullmatch(line[margin:].rstrip())
        assert match, f"not a line of the tree: {line!r}"
        depth = len(match["indent"]) // 2
        assert depth <= len(ancestors), f"indented too far: {line!r}"
        ancestors[depth:] = [match["name"]]
        entries.append(Entry(match["name"], ancestors[depth - 1] if depth else None, match["code"]))
    return entries


def written() -> list[Entry]:
    for module in pkgutil.walk_packages(perdure.__path__, "perdure."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(error: type[errors.PerdureError], parent: str | None) -> Iterator[Entry]:
        yield Entry(error.__name__, parent, vars(error).get("code") or None)
        for child in error.__subclasses__():
            first = next(base for base in child.__bases__ if issubclass(base, errors.PerdureError))
            if child.__module__.startswith("perdure.") and first is error:
                yield from below(child, error.__name__)

    return list(below(errors.PerdureError, None))


def test_the_drawn_tree_is_the_written_tree() -> None:
    assert sorted(drawn(errors.__doc__ or "")) == sorted(written())


def test_each_code_leads_to_one_class() -> None:
    codes = [entry.code for entry in written() if entry.code]
    assert len(codes) == len(set(codes))


def test_each_class_without_children_has_a_code() -> None:
    families = {entry.parent for entry in written()}
    assert [entry.name for entry in written() if entry.name not in families and not entry.code] == []


def test_a_tree_is_read_by_its_indentation() -> None:
    docstring = """One tree.

        PerdureError
          StoreError
            StoreFull  store_full
          RunError     run_error

    After it."""
    assert drawn(docstring) == [
        Entry("PerdureError", None, None),
        Entry("StoreError", "PerdureError", None),
        Entry("StoreFull", "StoreError", "store_full"),
        Entry("RunError", "PerdureError", "run_error"),
    ]
