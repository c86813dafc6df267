"""Models of pydantic by their protocol, without importing pydantic: dumped, read back, and compared.

A model is stored by alias where it comes back equal so, and by the names of its fields otherwise (its validation and
serialization aliases may differ); it is read by either. What does not come back equal either way is refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import cast

import msgspec

from perdure.core.values.comparing import difference
from perdure.core.values.fields import find_secret
from perdure.core.values.value import Loss, Value

_json = msgspec.json.Encoder()


def stored(model: Value, path: str = "") -> tuple[Value, Loss | None]:
    """The plain data that a model comes back from, or what would be lost of it."""
    loss = find_secret(model, path)
    if loss is not None:
        return None, loss
    for by_alias in (True, False):
        try:
            data = _dump(model, by_alias=by_alias)
            back = load(type(model), data)
        except Exception as error:  # validators and serializers are the user's, and may raise anything
            loss = _refused(error, path)
            continue
        loss = difference(model, back, path, strict=True)
        if loss is None:
            return data, None
    return None, loss


def shown(model: Value) -> Value:
    """A model as a reader without its class sees it: by alias, with its computed fields."""
    return model.model_dump(mode="json", by_alias=True, warnings=False)


def load(kind: Value, data: Value, *, strict: bool = False) -> Value:
    """A model from plain data, in JSON mode: a strict one takes a date as text there. Raises: pydantic's error."""
    how = _by_either(kind) | ({"strict": True} if strict else {})
    return kind.model_validate_json(_json.encode(data), **how)


def _dump(model: Value, *, by_alias: bool) -> Value:
    return model.model_dump(mode="json", by_alias=by_alias, round_trip=True, warnings=False)


@functools.lru_cache(maxsize=1024)
def _by_either(kind: Value) -> dict[str, bool]:
    return by_either(kind.model_validate_json)


def by_either(validate: Callable[..., Value]) -> dict[str, bool]:
    """What tells pydantic to read names and aliases, where this one can (2.11)."""
    known = inspect.signature(validate).parameters
    return {name: True for name in ("by_alias", "by_name") if name in known}


def _refused(error: Exception, path: str) -> Loss:
    details = cast("Value", getattr(error, "errors", list[Value]))  # pydantic's: where, and why
    first: dict[str, Value] = next(iter(details()), dict[str, Value]())
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first.get("loc", ()))
    return f"{path}{where}", f"it can't be read back: {first.get('msg') or error}"
