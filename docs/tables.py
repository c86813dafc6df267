"""Tables as Markdown has them."""

from __future__ import annotations

from collections.abc import Iterable


def table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; a column in which no row says anything is left out."""
    said = list(rows)
    kept = [place for place, _ in enumerate(names) if any(row[place] for row in said)]
    lines = [names, tuple("---" for _ in names), *said]
    return "\n".join("| " + " | ".join(line[place].replace("|", r"\|") for place in kept) + " |" for line in lines)
