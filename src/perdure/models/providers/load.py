"""Loads pydantic-ai when a model needs it, and says in our words what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from perdure.core.clock import Clock
from perdure.errors import ExtraMissing, ModelUnknown, SettingInvalid

if TYPE_CHECKING:
    from pydantic_ai.models import Model as SdkModel

    from perdure.models.providers.model import ProviderModel

_EXTRAS = frozenset({"openai", "anthropic", "google"})


def load_provider(name: str, clock: Clock | None = None) -> ProviderModel:
    """The model `provider:model`.

    Raises: ExtraMissing, ModelUnknown, or SettingInvalid with the name of the variable that is not set.
    """

    def build() -> SdkModel:
        from pydantic_ai.models import infer_model

        return infer_model(name)

    return _load(name, build, clock)


def load_compatible(
    name: str, model: str, base_url: str, api_key: str | None, clock: Clock | None = None
) -> ProviderModel:
    """A model behind any URL that speaks OpenAI's chat completions. Raises: ExtraMissing."""

    def build() -> SdkModel:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        provider = OpenAICompatibleProvider("openai-compatible", base_url=base_url, api_key=api_key)
        return OpenAIChatModel(model, provider=provider)

    return _load(name, build, clock)


def _load(name: str, build: Callable[[], SdkModel], clock: Clock | None) -> ProviderModel:
    try:
        from pydantic_ai.exceptions import UserError

        from perdure.models.providers.chat_stream import tolerant
        from perdure.models.providers.model import ProviderModel
    except ImportError as error:
        raise _missing(name, str(error)) from error
    try:
        return ProviderModel(name, lambda: tolerant(build()), clock=clock)
    except ImportError as error:
        raise _missing(name, str(error)) from error
    except UserError as error:
        variable = re.search(r"`([A-Z][A-Z0-9_]{3,})`", error.message)
        if variable is not None:
            raise SettingInvalid(variable[1], f"not set, and the model {name!r} needs it") from error
        raise ModelUnknown(name, error.message) from error


def _missing(name: str, said: str) -> ExtraMissing:
    group = re.search(r"pydantic-ai-slim\[([\w-]+)\]", said)
    if group is None:
        return ExtraMissing(f"model {name!r}", "models")
    if group[1] in _EXTRAS:
        return ExtraMissing(f"model {name!r}", group[1])
    return ExtraMissing(f"model {name!r} (besides pip install 'pydantic-ai-slim[{group[1]}]')", "models")
