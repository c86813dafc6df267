"""Identifiers: what a caller may pass, and what is made here."""

from __future__ import annotations

import re
import uuid

MAX_ID_LENGTH = 128
_ALLOWED = re.compile(r"[A-Za-z0-9_.:-]+")


class IdInvalid(ValueError):
    """An identifier is empty, too long, or has a character that is not allowed."""


def check_id(value: str) -> str:
    """Return the identifier, or raise IdInvalid."""
    if not value or len(value) > MAX_ID_LENGTH:
        raise IdInvalid(f"1 to {MAX_ID_LENGTH} characters, not {len(value)}")
    if not _ALLOWED.fullmatch(value):
        raise IdInvalid(f"letters, digits and _.:- only: {value!r}")
    return value


def new_parcel_id() -> str:
    """A fresh identifier, unique everywhere."""
    return f"parcel-{uuid.uuid4().hex}"
