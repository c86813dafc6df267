"""JSON from the command line."""

from __future__ import annotations

import msgspec

from perdure.core.values import Value
from perdure.errors import SettingInvalid


def parsed(text: str, field: str) -> Value:
    """The value of a JSON text. Raises: SettingInvalid with the option's name."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SettingInvalid(field, f"no JSON: {error}") from None
