"""Writes the pages that follow from the code: the command line, the settings, and the index of the errors.

`make docs` runs it; tests/docs fails where a page is not what this writes.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from docs.command_line import command_line
from docs.tables import table
from perdure import errors
from perdure.app.settings import SETTINGS

FOLDER = Path(__file__).parent

_SETTINGS = """\
# Settings

What is given in code or on the command line comes first, then the environment, then the default. A variable that is
empty counts as not given; so does an empty text in code, while an empty `--store` is refused.

A model reads its key where its provider looks for it, such as `OPENAI_API_KEY`."""

_ERRORS = """\
# Errors

Every exception of perdure is a `PerdureError`, and each class that is raised has a `code` that never changes. The same
code is printed by the command line and stored with what failed, and names the page here.

Where you meet one:

- What a call can't do is raised by the call.
- What is raised inside a run is kept as data. A step that fails for good raises `StepFailed` where it is awaited, and
  a run that fails raises `RunFailed` where its result is awaited; `cause_type` is the name of the class that was
  raised. The codes are in the records: `failure.code` of `await run.record()`, and of a record in `await run.steps()`;
  both errors carry it as `cause_code`.
- What a tool raises is told to the model. The tool call in the message has the code as its `error_code`, and the turn
  goes on.

`retryable` says whether the same call may succeed later without a change. The retry policy of a step follows it: an
error of perdure that is not retryable is not tried again. Any other exception is, while attempts are left.

A class without a code is a family; to catch it catches what is one."""


def pages() -> dict[Path, str]:
    """Every generated page, and what it must hold."""
    written = {"cli.md": command_line(), "settings.md": settings(), "errors/README.md": error_index()}
    return {FOLDER / name: f"{text}\n" for name, text in written.items()}


def settings() -> str:
    """The settings, a row each."""
    rows = ((f"`{row.variable}`", f"`{row.default}`" if row.default else "", row.meaning) for row in SETTINGS)
    return f"{_SETTINGS}\n\n{table(('variable', 'default', 'meaning'), rows)}"


def error_index() -> str:
    """Every error, in the order of the tree."""
    return f"{_ERRORS}\n\n{table(('code', 'error', 'is a', 'retryable', 'what was true'), map(_row, tree()))}"


def tree() -> list[type[errors.PerdureError]]:
    """The classes below the root, in the order in which perdure.errors draws them."""
    drawn = (errors.__doc__ or "").partition("PerdureError\n")[2]
    return [getattr(errors, name) for name in re.findall(r"^ +([A-Z]\w+)", drawn, re.MULTILINE)]


def code_of(error: type[errors.PerdureError]) -> str | None:
    """A class's own code."""
    return vars(error).get("code")


def _row(error: type[errors.PerdureError]) -> tuple[str, ...]:
    code, name, said = code_of(error), f"`{error.__name__}`", (inspect.getdoc(error) or "").partition("\n")[0]
    parent = f"`{error.__bases__[0].__name__}`"
    if code is None:
        return "", name, parent, "", said
    return f"[`{code}`]({code}.md)", name, parent, "yes" if error.retryable else "no", said


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
