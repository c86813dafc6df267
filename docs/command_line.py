"""The command line as it is declared: what it is asked, in which words, and how it ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias, get_args, get_type_hints

from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from docs.tables import table
from perdure.app.settings import SETTINGS
from perdure.cli.commands import commands
from perdure.cli.exits import EXITS

Callback: TypeAlias = Callable[..., object]

_HEAD = """\
# The command line

What was asked for goes to stdout, everything else to stderr. An error is one line on stderr, with the
[code](errors/README.md) of the error; what can't be understood is answered with what is wrong and exit code 2. Every
command takes `--help`."""

_ENDS = """\
The first row that fits an error counts. A workflow or a turn that fails ends the command with 6, whatever it failed
with; a plain function that fails with an error of perdure ends it with the code of that error. What a module of yours
raises while it is imported is shown as Python shows it, with the exit code 3; an error of perdure that nobody foresaw
is one line, and shown whole where PERDURE_TRACEBACK is set."""


class Command(NamedTuple):
    """A command, or a group of commands, which has nothing to call."""

    words: str
    help: str
    callback: Callback | None

    @property
    def arguments(self) -> list[tuple[str, ArgumentInfo]]:
        """What it is given by place: the metavar and what is said of it."""
        said = parameters(self.callback) if self.callback else ()
        return [(str(one.metavar or name.upper()), one) for name, _, one in said if isinstance(one, ArgumentInfo)]

    @property
    def options(self) -> list[tuple[str, object, OptionInfo]]:
        """What it is given by name, with the defaults."""
        said = parameters(self.callback) if self.callback else ()
        return [(name, default, one) for name, default, one in said if isinstance(one, OptionInfo)]


def command_line() -> str:
    """The page."""
    exits = ((str(row.code), f"`{row.of.__name__}`" if row.of else "", row.meaning) for row in EXITS)
    ends = ("## Exit codes", table(("code", "errors", "meaning"), exits), _ENDS)
    sections = (_section(command) for command in walk(commands, "perdure"))
    return "\n\n".join((_HEAD, *sections, *ends))


def walk(group: Typer, words: str) -> Iterator[Command]:
    """The commands of a group in their order; each group before what is in it."""
    for one in group.registered_commands:
        yield Command(f"{words} {one.name}", inspect.getdoc(one.callback) or "", one.callback)
    for below in group.registered_groups:
        if below.typer_instance is not None:
            yield Command(f"{words} {below.name}", str(below.typer_instance.info.help), None)
            yield from walk(below.typer_instance, f"{words} {below.name}")


def parameters(callback: Callback) -> Iterator[tuple[str, object, object]]:
    """Each parameter with its default and what its annotation says of it."""
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        for said in get_args(hints[name])[1:]:
            yield name, parameter.default, said


def _section(command: Command) -> str:
    heading = "##" if command.callback is None or command.words.count(" ") == 1 else "###"
    parts = [f"{heading} {command.words}", command.help]
    if command.callback is not None:
        usage = " ".join((command.words, "[OPTIONS]", *(metavar for metavar, _ in command.arguments)))
        arguments = [(f"`{metavar}`", said.help or "") for metavar, said in command.arguments]
        options = [_option(*option) for option in command.options]
        parts.append(f"    {usage}")
        parts += [table(("argument", "meaning"), arguments)] if arguments else []
        parts += [table(("option", "default", "environment", "meaning"), options)] if options else []
    return "\n\n".join(parts)


def _option(name: str, default: object, said: OptionInfo) -> tuple[str, ...]:
    about = said.help or ""
    names = ", ".join(f"`{spelled}`" for spelled in _spellings(name, said))
    given = "" if isinstance(default, bool) else f" {said.metavar or name.upper()}"
    limits = "" if said.min is None else f" From {said.min}" + ("." if said.max is None else f" to {said.max}.")
    setting = next((row for row in SETTINGS if row.variable in about), None)
    shown = setting.default if setting and default is None else default
    variable = f"`{setting.variable}`" if setting else ""
    return names + given, "" if shown in {None, False, ""} else f"`{shown}`", variable, about + limits


def _spellings(name: str, said: OptionInfo) -> list[str]:
    first: object = said.default  # in an annotation the first spelling stands where the default would
    spelled = [*([first] if isinstance(first, str) else []), *(said.param_decls or ())]
    return spelled or [f"--{name.replace('_', '-')}"]
