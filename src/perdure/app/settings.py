"""The settings: what the environment may say, in one table.

An argument in code comes first, then the environment, then the default.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from perdure.models.resolve import API_KEY_VARIABLE

DEFAULT_STORE = "sqlite:///perdure.db"
DEFAULT_MODEL = "perdure:extractive"


class Setting(NamedTuple):
    """One row of the table."""

    variable: str
    default: str
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting("PERDURE_STORE", DEFAULT_STORE, "where everything is kept"),
    Setting("PERDURE_MODEL", DEFAULT_MODEL, "the model of agents that name none"),
    Setting(API_KEY_VARIABLE, "", "the key of a model of `openai-compatible:`; others read their provider's variable"),
    Setting("PERDURE_TRACEBACK", "", "anything, to see the traceback of an error of perdure's own on the command line"),
)


def setting(variable: str, given: str | None = None) -> str:
    """The value of a setting: as given, else the environment's, else the default."""
    default = next(row.default for row in SETTINGS if row.variable == variable)
    return given or os.environ.get(variable) or default
