"""From MODULE:NAME to what the user's module declares under it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from perdure.app import App
from perdure.core.values import Value
from perdure.errors import SettingInvalid


def load(target: str, default: str = "") -> Value:
    """What stands in a module under a name, such as `assistant:app`; the current folder comes first on the path.

    Raises: SettingInvalid where the target can't be read, the module or the name is not there. What the module
    itself raises comes through as it is.
    """
    module_name, _, name = target.partition(":")
    name = name or default
    if not module_name or not name:
        raise SettingInvalid(target, f"write MODULE:{default.upper() or 'NAME'}, such as assistant:{default or 'name'}")
    if not sys.path or sys.path[0] != str(Path.cwd()):
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name.removesuffix(".py"))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and what it imports is not
        raise SettingInvalid(target, f"there is no module {error.name!r} here or on the path") from None
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise SettingInvalid(target, f"module {module_name!r} has no {name!r}")
        found = getattr(found, part)
    return found


def load_app(target: str, store: str | None) -> App:
    """The App that a module declares; a store that is given comes before its own. Raises: SettingInvalid."""
    app = load(target, "app")
    if not isinstance(app, App):
        raise SettingInvalid(target, f"is a {type(app).__name__}, not an App")
    if store:
        app.url = store
    return app
