"""Files that earlier schemas wrote, kept beside this module."""

from __future__ import annotations

import shutil
from pathlib import Path

from perdure.stores.sqlite.driver import Cell, open_connection

FILES = Path(__file__).parent / "files"


def kept(folder: Path, version: int) -> str:
    """A copy of the file of a schema, as a URL."""
    shutil.copy(FILES / f"schema-{version}.db", folder / "kept.db")
    return f"sqlite:///{folder}/kept.db"


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def version_of(url: str, new: int | None = None) -> Cell:
    """The schema version of a file; set to another where one is given."""
    connection = open_connection(path_of(url))
    version = connection.pragma("user_version") if new is None else connection.pragma("user_version", new)
    connection.close()
    return version
