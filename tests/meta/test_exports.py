"""`perdure.__all__` is the front door. Ruff keeps it sorted (RUF022)."""

import inspect
from types import ModuleType

import perdure


def undocumented(module: ModuleType, names: list[str]) -> list[str]:
    """The names whose docstring is missing, generated, or opens with more than one short sentence."""

    def is_documented(thing: object) -> bool:
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            return True
        first = (thing.__doc__ or "").partition("\n")[0]
        return first.endswith(".") and len(first) <= 80

    return [name for name in names if not is_documented(getattr(module, name))]


def test_each_exported_name_can_be_imported_once() -> None:
    assert len(set(perdure.__all__)) == len(perdure.__all__)
    assert [name for name in perdure.__all__ if not hasattr(perdure, name)] == []


def test_each_exported_name_is_documented_in_one_short_line() -> None:
    assert undocumented(perdure, list(perdure.__all__)) == []


def test_nothing_leaks_through_the_front_door() -> None:
    public = {name for name, thing in vars(perdure).items() if not name.startswith("_") and not inspect.ismodule(thing)}
    assert public - set(perdure.__all__) == set()


def test_a_missing_or_long_docstring_is_seen() -> None:
    def bare() -> None: ...

    def long() -> None: ...

    def good() -> None:
        """Good."""

    long.__doc__ = "x" * 80 + "."
    module = ModuleType("sample")
    vars(module).update(bare=bare, long=long, good=good)
    assert undocumented(module, ["bare", "long", "good"]) == ["bare", "long"]
