"""The command line: one file a command, and no decision that another door needs.

May import everything but `testing`. Read next: `commands` (the names), `exits` (what the exit codes mean).
"""

from __future__ import annotations

import io
import sys


def main() -> int:
    """Run the command that the arguments name; its exit code. Every error of perdure's own is one line on stderr."""
    from perdure.cli.commands import commands
    from perdure.cli.exits import ModuleRaised, fail, fail_within, show_whole
    from perdure.errors import PerdureError

    for stream in (sys.stdout, sys.stderr):  # what a terminal of another encoding can't show is shown as ?
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        commands(prog_name="perdure")
    except PerdureError as error:
        return fail(error)
    except ModuleRaised as error:
        return show_whole(error)
    except Exception as error:
        return fail_within(error)
    return 0
