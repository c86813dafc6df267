"""A folder of text files, to list, search and read; nothing outside of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

MAX_FILES, MAX_MATCHES, MAX_BYTES, MAX_LINE = 500, 80, 512_000, 300
_SNIFFED = 1024
_PASSED_OVER = frozenset({"__pycache__", "node_modules"})


class Folder:
    """A folder; hidden files, caches, and what is no text are passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def list(self) -> str:
        """The files, one a line."""
        return "\n".join(islice((str(path) for path in self._files()), MAX_FILES))

    def search(self, query: str) -> str:
        """The lines that hold a text, in any case of letters, as `path:line: text`."""
        return "\n".join(islice(self._matches(query.lower()), MAX_MATCHES)) or "nothing found"

    def read(self, name: str, first: int, last: int) -> str:
        """Some lines of a file, with their numbers, from 1. Raises: ValueError for a file that is not in the folder."""
        path = (self._path / name).resolve()
        if not (path.is_relative_to(self._path) and path.is_file()):
            raise ValueError(f"there is no file {name!r} here; list_files names them")
        first = max(1, first)
        lines = self._text(path).splitlines()[first - 1 : last]
        return "\n".join(f"{number}: {line}" for number, line in enumerate(lines, first))

    def _files(self) -> Iterator[Path]:
        for folder, folders, names in os.walk(self._path):
            folders[:] = sorted(name for name in folders if not (name.startswith(".") or name in _PASSED_OVER))
            for path in (Path(folder) / name for name in sorted(names) if not name.startswith(".")):
                if _is_text(path):
                    yield path.relative_to(self._path)

    def _matches(self, query: str) -> Iterator[str]:
        for path in self._files():
            for number, line in enumerate(self._text(path).splitlines(), 1):
                if query in line.lower():
                    yield f"{path}:{number}: {line[:MAX_LINE]}"

    def _text(self, path: Path) -> str:
        return (self._path / path).read_text(encoding="utf-8", errors="replace")


def _is_text(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size <= MAX_BYTES and b"\0" not in file.read(_SNIFFED)
    except OSError:
        return False
