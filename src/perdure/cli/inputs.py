"""JSON from the command line."""

from __future__ import annotations

import msgspec

from perdure.core.values import Value
from perdure.errors import InputError


def parsed(text: str, field: str) -> Value:
    """The value of a JSON text. Raises: InputError with the option's name."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InputError(field, f"no JSON: {error}") from None
