"""Tables without lines: as readable in a pipe as on a terminal. What is in a cell is never read as markup."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from perdure.cli.terminal import Indented, unpadded

_WIDE = 10_000


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


class Rows:
    """Rows under names: a table where it fits on the console, else each row's first cell on a line, the others below.

    Shape: a column that is empty in all rows is left out.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
        filled = [place for place in range(len(names)) if any(row[place] for row in rows)]
        self._names = [names[place] for place in filled]
        self._rows = [[row[place] for place in filled] for row in rows]
        self._styles = styles

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = columns(*self._names)
        for row, style in zip(self._rows, self._styles, strict=True):
            table.add_row(*row, style=style)
        if Measurement.get(console, options.update(max_width=_WIDE), table).maximum <= options.max_width:
            yield table
            return
        for (first, *others), style in zip(self._rows, self._styles, strict=True):
            yield Text(first, style=style, overflow="fold")
            yield Indented(Text(" · ".join(filter(None, others)), style="dim"))


def facts(*pairs: tuple[str, str]) -> Table:
    """Names and values, one a line; those without a value are left out."""
    table = Columns.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            table.add_row(name, value)
    return table
