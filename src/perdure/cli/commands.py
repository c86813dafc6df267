"""The names: what `perdure` can be asked to do."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.chat.command import chat
from perdure.cli.demo.command import demo
from perdure.cli.doctor import doctor
from perdure.cli.run import run
from perdure.cli.runs.cancel import cancel_run
from perdure.cli.runs.fail import fail_runs
from perdure.cli.runs.list import list_runs
from perdure.cli.runs.resolve import resolve_run
from perdure.cli.runs.restart import restart_runs
from perdure.cli.runs.show import show_run
from perdure.cli.store.copy import copy_all
from perdure.cli.store.restore import restore_file
from perdure.cli.threads.list import list_threads
from perdure.cli.threads.show import show_thread
from perdure.cli.worker import worker


def _group(about: str) -> typer.Typer:
    return typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


commands = _group("AI agents and functions that survive crashes, deploys, closed browsers and week-long waits.")
runs = _group("Runs: list and show them, answer their questions, restart, fail or cancel them.")
threads = _group("Threads: list and show conversations.")
store = _group("The store: copy it into another one, or accept a database file that is a copy or a backup.")

commands.command("demo")(demo)
commands.command("chat")(chat)
commands.command("worker")(worker)
commands.command("run")(run)
commands.add_typer(runs, name="runs")
commands.add_typer(threads, name="threads")
commands.add_typer(store, name="store")
commands.command("doctor")(doctor)

runs.command("list")(list_runs)
runs.command("show")(show_run)
runs.command("resolve")(resolve_run)
runs.command("fail")(fail_runs)
runs.command("restart")(restart_runs)
runs.command("cancel")(cancel_run)

threads.command("list")(list_threads)
threads.command("show")(show_thread)

store.command("copy")(copy_all)
store.command("restore")(restore_file)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer's signature
    if asked:
        from importlib.metadata import version

        typer.echo(f"perdure {version('perdure')}")
        raise typer.Exit


@commands.callback()
def _every_command(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None: ...
