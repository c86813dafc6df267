"""A model by its name."""

from __future__ import annotations

import os
import re
from typing import cast

from perdure.core.clock import Clock
from perdure.core.given import in_words
from perdure.errors import ModelUnknown, SettingInvalid
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import Model

EXTRACTIVE = "perdure:extractive"
API_KEY_VARIABLE = "PERDURE_MODEL_API_KEY"

_COMPATIBLE = "openai-compatible:"


def resolve(model: str | Model, *, clock: Clock | None = None) -> Model:
    """The model that a name, or a model itself, stands for.

    Shape: `perdure:extractive`; `openai-compatible:MODEL@BASE_URL`, with the key in PERDURE_MODEL_API_KEY where the
    server wants one; any `provider:model` of pydantic-ai, whose import takes about a second the first time.
    Raises: ModelUnknown; ExtraMissing; SettingInvalid that names the variable where a key is missing, or the URL.
    """
    if not isinstance(model, str):
        return model
    name, provider = check_name(model)
    if name == EXTRACTIVE:
        from perdure.models.extractive.model import ExtractiveModel

        return ExtractiveModel(clock=clock)
    if provider == "perdure":
        raise ModelUnknown(model, f"perdure has one embedded model: {EXTRACTIVE}")
    if name.startswith(_COMPATIBLE):
        return _compatible(name, clock)
    from perdure.models.providers.load import load_provider

    return load_provider(name, clock)


def checked_model(field: str, model: object) -> str | Model | None:
    """A name, a Model, or nothing; loads nothing. Raises: SettingInvalid for anything else."""
    is_model = not isinstance(model, type) and callable(getattr(model, "stream", None)) and hasattr(model, "name")
    if model is None or isinstance(model, str) or is_model:
        return cast("str | Model | None", model)
    raise SettingInvalid(field, f"a model's name or a Model, which has `name` and `stream`, not {in_words(model)}")


def check_name(model: str) -> tuple[str, str]:
    """A name without blanks round it, and its provider; loads nothing.

    Raises: ModelUnknown where it has no provider.
    """
    name = model.strip()
    provider, _, rest = name.partition(":")
    if not provider.strip() or not rest.strip():
        raise ModelUnknown(model, "a name is provider:model, such as openai:gpt-5-mini or perdure:extractive")
    return name, provider


def check(model: str | Model) -> None:
    """Find out now what the first call would: a name that nobody knows, a key or a package that is missing.

    Raises: as `resolve`, for a model of `openai-compatible:` too.
    """
    found = resolve(model)
    if isinstance(found, OpenAICompatible):
        found.load()


def _compatible(name: str, clock: Clock | None) -> Model:
    # A model's own name may hold an @: the URL begins at the first one that is followed by a scheme.
    found = re.fullmatch(r"(?P<model>.+?)@(?P<url>https?://.+)", name.removeprefix(_COMPATIBLE))
    if found is None:
        raise ModelUnknown(name, "the form is openai-compatible:MODEL@BASE_URL, with a URL of http or https")
    key = os.environ.get(API_KEY_VARIABLE)
    return OpenAICompatible(found["model"], base_url=found["url"], api_key=key, clock=clock)
