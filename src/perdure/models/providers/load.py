"""Loads pydantic-ai when a model needs it, and says in our words what is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from perdure.core.clock import Clock
from perdure.errors import ExtraMissing, ModelUnknown, PerdureError, SettingInvalid

if TYPE_CHECKING:
    from pydantic_ai.models import Model as SdkModel

    from perdure.models.providers.model import ProviderModel

_EXTRAS = frozenset({"openai", "anthropic", "google"})
_CLOSE = 0.7


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

        from perdure.models.providers.model import ProviderModel
        from perdure.models.providers.tolerant import tolerant
    except ImportError as error:
        raise _missing(name, str(error)) from error
    try:
        return ProviderModel(name, lambda: tolerant(_with_key(build())), clock=clock)
    except ImportError as error:
        raise _missing(name, str(error)) from error
    except PerdureError:
        raise
    except UserError as error:
        if error.message.startswith("Unknown model"):
            raise ModelUnknown(name, _unknown(name)) from error
        raise _unusable(name, error) from error
    except Exception as error:  # each SDK says in its own way that it has no key
        raise _unusable(name, error) from error


def _with_key(model: SdkModel) -> SdkModel:
    """Refuse a key that no request could carry: a blank one, or one with the line end of the file that it is from."""
    key: object = getattr(getattr(model, "client", None), "api_key", None)
    if isinstance(key, str) and key and (key != key.strip() or not key.isprintable()):
        variable = next((name for name, value in os.environ.items() if value == key), "api_key")
        raise SettingInvalid(variable, "blank, or with blanks or a line end in it")
    return model


def _unusable(name: str, error: Exception) -> SettingInvalid | ModelUnknown:
    variable = re.search(r"`?\b([A-Z][A-Z0-9]*_[A-Z0-9_]{2,})\b`?", str(error))
    if variable is not None:
        return SettingInvalid(variable[1], f"not set, and the model {name!r} needs it")
    return ModelUnknown(name, str(error))


def _unknown(name: str) -> str:
    """Why a provider is not known: what it may have been meant to be, which is another provider and no other model."""
    from pydantic_ai.models import known_model_names

    provider, _, rest = name.partition(":")
    known = sorted({each.partition(":")[0] for each in known_model_names()})
    close = [] if provider in known else get_close_matches(provider, known, 1, _CLOSE)
    return f"there is no provider {provider!r}" + (f"; did you mean {close[0]}:{rest}?" if close else "")


def _missing(name: str, said: str) -> ExtraMissing:
    group = re.search(r"pydantic-ai-slim\[([\w-]+)\]", said)
    if group is not None and group[1] not in _EXTRAS:
        return ExtraMissing(f"model {name!r} (besides pip install 'pydantic-ai-slim[{group[1]}]')", "models")
    if group is not None:
        return ExtraMissing(f"model {name!r}", group[1])
    provider, _, rest = name.partition(":")  # nothing is there that would know it
    extra = provider.partition("-")[0]
    close = get_close_matches(extra, _EXTRAS, 1, _CLOSE)
    if not close:
        return ExtraMissing(f"model {name!r}", "models")
    meant = "" if close[0] == extra else f" (did you mean {close[0]}:{rest}?)"
    return ExtraMissing(f"model {name!r}{meant}", close[0])
