"""The settings: one table, and everything that reads the environment is in it."""

from __future__ import annotations

import re

import pytest

from perdure.app.settings import SETTINGS, setting
from perdure.demo.settings import VARIABLE
from perdure.models.resolve import API_KEY_VARIABLE
from tests.meta.project import modules

NAMED = re.compile(r'"(PERDURE_[A-Z_]+)"')


def test_every_variable_that_the_source_names_is_in_the_table() -> None:
    named = {name for path in modules() for name in NAMED.findall(path.read_text())}
    assert named - {VARIABLE} == {row.variable for row in SETTINGS}, "but for what a demo tells its own processes"
    assert API_KEY_VARIABLE in named


def test_what_is_given_comes_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PERDURE_STORE", raising=False)
    assert setting("PERDURE_STORE") == "sqlite:///perdure.db"
    monkeypatch.setenv("PERDURE_STORE", "memory:")
    assert setting("PERDURE_STORE") == "memory:"
    assert setting("PERDURE_STORE", "sqlite:///given.db") == "sqlite:///given.db"
    monkeypatch.setenv("PERDURE_STORE", "")
    assert setting("PERDURE_STORE") == "sqlite:///perdure.db"
