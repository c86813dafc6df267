"""What a person sees of a demo while it goes on, and what it came to."""

from __future__ import annotations

from collections import Counter

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from perdure.cli.tables import facts
from perdure.cli.turn_view import TurnView
from perdure.core.chunks import Chunk
from perdure.demo.killing import Landing
from perdure.demo.ledger import Execution, counted_names
from perdure.demo.recounting import Counted
from perdure.demo.settings import Settings


class Show:
    """Tells of a demo on a console, line by line; the answer is drawn below while it is written."""

    def __init__(self, console: Console, view: TurnView) -> None:
        self._console = console
        self._view = view
        self._begun: dict[str, int] = {}
        self._again: Counter[str] = Counter()

    def begin(self, settings: Settings) -> None:
        """What is going to happen."""
        about = "An agent answers a question from files, and is killed while it does: kill -9, at random moments."
        self._console.print(Text("perdure demo", style="bold"), Text(about, style="dim"), "", sep="\n")
        folder, model = settings.folder, settings.model
        self._console.print(facts(("question", settings.question), ("folder", folder), ("model", model)), "")

    def started(self, pid: int, *, again: bool) -> None:
        """A worker was started."""
        what = "another one looks for what the dead one left" if again else "starts"
        self._say("●", "green", f"worker {pid}", what)

    def executed(self, lines: list[Execution]) -> None:
        """New lines of the ledger: what begins again is worth telling, in one line where it is much."""
        for line in lines:
            if line.what == "start":
                if self._begun.get(line.position, line.token) < line.token:
                    self._again[line.name] += 1
                self._begun[line.position] = line.token
        if not lines:
            self._tell_again()

    def killed(self, landing: Landing) -> None:
        """A kill landed."""
        self._tell_again()
        self._say(
            "✗", "bold red", f"kill -9 {landing.pid}", f"{landing.what} (kill {landing.number}, seq {landing.seq})"
        )

    def feed(self, chunk: Chunk) -> None:
        """A chunk of the answer."""
        self._view.feed(chunk)

    def end(self, counted: Counted, settings: Settings, *, is_right: bool) -> None:
        """What it came to, where each kill landed, and where to recount it."""
        self._console.print("", Rule(style="dim") if self._console.is_terminal else "")
        self._console.print(_landings(counted), "")
        self._console.print(_tally(counted), "")
        verdict = "nothing was lost, nothing happened twice" if is_right else "that is not what should have come out"
        sign, style = ("✓", "bold green") if is_right else ("✗", "bold red")
        self._say(sign, style, verdict, f"in {counted.tally.elapsed_s:.1f} s")
        self._console.print("", _paths(counted, settings))

    def _tell_again(self) -> None:
        if self._again:
            why = f"begun again, under token {max(self._begun.values())}: nobody had seen the end"
            self._say("↻", "yellow", counted_names(self._again), why)
            self._again.clear()

    def _say(self, sign: str, style: str, what: str, more: str) -> None:
        self._view.note(Text.assemble((f"{sign} ", style), (what, style), f"  {more}"))


def _landings(counted: Counted) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for landing in counted.landings:
        where = f"seq {landing.seq} of {counted.last_seq}"
        table.add_row(Text(f"kill {landing.number}", style="red"), Text(where, style="dim"), Text(landing.what))
    return table


def _tally(counted: Counted) -> RenderableType:
    tally = counted.tally
    reader = (
        f"what a reader in another process holds, after {counted.connections} connections and {counted.readers} lives"
    )
    rows = (
        ("turn", tally.turn_status, ""),
        ("reports sent", tally.reports_sent, "counted in the outbox"),
        (
            "committed steps run again",
            tally.committed_steps_rerun,
            f"{counted.steps} steps, {counted.executions} executions in the ledger",
        ),
        ("gaps", tally.stream_gaps, reader),
        ("duplicates", tally.stream_duplicates, "compared word by word with the stored message"),
        ("assistant messages", tally.messages, "in the thread"),
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value, source in rows:
        table.add_row(Text(name), Text(str(value), style="bold"), Text(source, style="dim"))
    return table


def _paths(counted: Counted, settings: Settings) -> RenderableType:
    return facts(
        ("ledger", str(settings.ledger)),
        ("outbox", str(settings.outbox)),
        ("received", str(settings.received)),
        ("store", settings.store),
        ("the turn", f"perdure runs show {counted.run_id} --store {settings.store}"),
    )
