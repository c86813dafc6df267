"""The app of a demo: one agent, put together from the settings that its processes share."""

from __future__ import annotations

from perdure.agents import Agent
from perdure.app import App
from perdure.demo.ledger import ledger_at
from perdure.demo.settings import Settings
from perdure.demo.tagging import TaggedModel
from perdure.demo.tools import tools_of
from perdure.models.resolve import resolve

INSTRUCTIONS = """\
Answer the question from the files of the folder: list them, search them, read what you found, and quote the file and
line. When you know the answer, send it once with send_report, then say it."""


def demo_app(settings: Settings) -> App:
    """The app of one demo. Raises: ModelUnknown, ExtraMissing."""
    model = TaggedModel(resolve(settings.model), ledger_at(settings.ledger), settings.pace)
    agent = Agent("demo", model=model, instructions=INSTRUCTIONS, tools=tools_of(settings))
    return App(settings.store, agents=[agent])
