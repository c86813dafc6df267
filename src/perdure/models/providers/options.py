"""A request's settings as pydantic-ai takes them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pkgutil import iter_modules
from typing import cast

import httpx2
from pydantic_ai import models
from pydantic_ai.models import Model as SdkModel
from pydantic_ai.settings import ModelSettings

from perdure.errors import SettingInvalid
from perdure.models.providers.deadlines import Deadlines

# Settings of perdure itself, or of its embedded model: an agent may change its model without changing them.
_OURS = frozenset({*Deadlines.__struct_fields__, "pace", "tag"})
_SPLIT_TIMEOUTS = frozenset({"openai", "anthropic"})


def sdk_settings(model: SdkModel, settings: Mapping[str, object], deadlines: Deadlines) -> ModelSettings:
    """The settings to send, SDK retries off, the HTTP client left with the connect deadline only.

    Raises: SettingInvalid for a name that this model does not have, which pydantic-ai would ignore in silence.
    """
    passed = {name: value for name, value in settings.items() if name not in _OURS}
    known = _known(type(model))
    for name in passed:
        # Settings that begin with another provider's name wait for the agent's other model.
        if known and name not in known and not name.startswith(_providers()):
            raise SettingInvalid(name, f"{model.system} has no such setting; what else it takes goes into extra_body")
    ignored = model.unsupported_settings
    if "max_retries" not in ignored:
        passed["max_retries"] = 0
    if "timeout" not in ignored:
        passed["timeout"] = _http_timeout(model, deadlines)
    return cast("ModelSettings", passed)


@cache
def _known(model: type[SdkModel]) -> frozenset[str]:
    """The names of a model's settings: its classes' modules hold them as TypedDicts; empty where none does."""
    found = frozenset[str]()
    for kind in model.__mro__:
        for name, value in vars(sys.modules[kind.__module__]).items():
            if name.endswith("ModelSettings") and name != "ModelSettings":
                found |= frozenset[str](getattr(value, "__optional_keys__", ()))
    return found


@cache
def _providers() -> tuple[str, ...]:
    return tuple(f"{module.name}_" for module in iter_modules(models.__path__))


def _http_timeout(model: SdkModel, deadlines: Deadlines) -> object:
    client: object = getattr(model, "client", None)
    if type(client).__module__.partition(".")[0] in _SPLIT_TIMEOUTS:
        return httpx2.Timeout(None, connect=deadlines.connect_timeout)
    # Other SDKs take one number, which pydantic-ai's HTTP clients cap at five seconds for the connection.
    return deadlines.timeout or 24 * 3600.0
