"""Tables without lines: as readable in a pipe as on a terminal. What is in a cell is never read as markup."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from perdure.cli.terminal import unpadded


class Columns(Table):
    """A table whose cells are plain text, or Text."""

    def add_row(self, *cells: object, style: StyleType | None = None, end_section: bool = False) -> None:
        """Add a row; a cell that is no Text is shown as its text."""
        made = [cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells]
        super().add_row(*made, style=style, end_section=end_section)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Its lines end where their words end."""
        for line in Segment.split_lines(console.render(_Padded(super().__rich_console__(console, options)), options)):
            yield from (*unpadded(line), Segment.line())


class _Padded:
    """What a table draws by itself."""

    def __init__(self, drawn: RenderResult) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._drawn


def columns(*names: str) -> Columns:
    """A table with these columns."""
    table = Columns(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    for place, name in enumerate(names):
        table.add_column(name, overflow="fold", no_wrap=place == 0)  # an id is there to be copied
    return table


def table_of(names: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str], *, optional: str) -> Columns:
    """A table with these rows; the optional column is left out where all of it is empty."""
    place = names.index(optional)
    if not any(row[place] for row in rows):
        names = [*names[:place], *names[place + 1 :]]
        rows = [[*row[:place], *row[place + 1 :]] for row in rows]
    table = columns(*names)
    for row, style in zip(rows, styles, strict=True):
        table.add_row(*row, style=style)
    return table


def facts(*pairs: tuple[str, str]) -> Table:
    """Names and values, one a line; those without a value are left out."""
    table = Columns.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            table.add_row(name, value)
    return table
