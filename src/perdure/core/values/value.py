"""What a value is called, and its bounds."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

MAX_VALUE_BYTES = 8 * 1024 * 1024
INT_MIN, INT_MAX = -(2**63), 2**64 - 1
NESTING = 200

Value: TypeAlias = Any
"""Whatever user code passes in, returns, or gets back."""

Decoder: TypeAlias = "msgspec.json.Decoder[Any]"

Loss: TypeAlias = tuple[str, str]
"""The path of what would be lost or has no stored form, and the reason."""
