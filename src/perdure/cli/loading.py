"""From MODULE:NAME to what the user's module declares under it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TypeAlias, cast

from perdure.app import App
from perdure.cli.exits import ModuleRaised, misused
from perdure.core.annotations import is_async
from perdure.core.values import Value
from perdure.errors import PerdureError, SettingInvalid
from perdure.runs.workflow import Workflow

Runnable: TypeAlias = Workflow[..., Value] | Callable[..., Awaitable[Value]]


def load(target: str, default: str = "") -> Value:
    """What stands in a module under a name, such as `assistant:app`; the current folder comes first on the path.

    Raises: BadParameter where the target can't be read; SettingInvalid where the module or the name is not there;
    ModuleRaised from what the module itself raises, but for errors of perdure, which come through as they are.
    """
    module_name, _, name = target.partition(":")
    name = name or default
    if not module_name or module_name.startswith(".") or not name:
        form = f"MODULE:{default.upper() or 'NAME'}"
        raise misused(target, f"write {form}, such as assistant:{default or 'name'}")
    if not sys.path or sys.path[0] != str(Path.cwd()):
        sys.path.insert(0, str(Path.cwd()))
    found: Value = _imported(module_name, target)
    for part in name.split("."):
        if not hasattr(found, part):
            raise SettingInvalid(target, f"module {module_name!r} has no {name!r}")
        found = getattr(found, part)
    return found


def load_app(target: str, store: str | None) -> App:
    """The App that a module declares; a store that is given comes before its own. Raises: as `load`."""
    app = load(target, "app")
    if not isinstance(app, App):
        raise SettingInvalid(target, f"is {_kind_of(app)}, not an App")
    if store is not None:
        app.url = store
    return app


def load_runnable(target: str) -> Runnable:
    """The workflow or the async function that a module declares. Raises: as `load`."""
    found = load(target)
    if isinstance(found, Workflow):
        return cast("Workflow[..., Value]", found)
    if not callable(found) or not is_async(found):
        wanted = "what can be run is a workflow or an async function, such as `async def f(ctx, input)`"
        raise SettingInvalid(target, f"is {_kind_of(found)}; {wanted}")
    return cast("Callable[..., Awaitable[Value]]", found)


def _imported(module_name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(module_name.removesuffix(".py"))
    except PerdureError:
        raise
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is None or not f"{module_name}.".startswith(f"{missing}."):
            # the module is there, and what it imports may not be
            raise ModuleRaised(target) from error.with_traceback(_from_the_module(error.__traceback__))
        raise SettingInvalid(target, f"there is no module {missing!r} here or on the path") from None


def _from_the_module(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of how a module is loaded, which are not the user's."""
    while trace is not None and _loads_modules(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _loads_modules(file: str) -> bool:
    return file in {__file__, importlib.__file__} or file.startswith("<frozen importlib")


def _kind_of(thing: Value) -> str:
    """In words, with an article."""
    if inspect.isclass(thing):
        return f"the class {thing.__name__}"
    if inspect.isroutine(thing):
        return "a function that is not async"
    name = type(thing).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
