"""Whose rows a list is about: a tenant's, those without one, or all, which only an operator may ask for."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeAlias


class _Every(Enum):
    EVERY = "every"


EveryTenant: TypeAlias = Literal[_Every.EVERY]
EVERY_TENANT: Final = _Every.EVERY
