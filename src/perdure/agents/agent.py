"""An agent: what is declared once, and runs in every thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from perdure.agents.tools import Tool, checked_function
from perdure.core.given import given_record, in_words
from perdure.core.ids import check_id
from perdure.core.retry import Retry
from perdure.core.values import Value
from perdure.errors import NameTaken, SettingInvalid
from perdure.models.protocol import Model
from perdure.models.resolve import checked_model, resolve
from perdure.runs.options import checked_number, checked_retry, checked_text

MODEL_RETRY = Retry(attempts=4, initial=0.5, cap=30.0)
MAX_RETRY_AFTER = 600.0
MAX_STEPS = 50


class Agent:
    """A model with instructions and tools.

    Shape: `model` is a name (`openai:gpt-5-mini`, `perdure:extractive`…) or a Model; without one, the app's default.
    `tools` are plain typed functions, or made by `tool`. `settings` go to the model with each call (temperature,
    max_tokens, tool_choice…), under those of the thread and of the send. `retry` is the policy of model calls, or a
    number of attempts. `max_steps` bounds a turn's model calls.
    Raises: ToolSignatureInvalid; NameTaken where two tools have one name; IdInvalid, InputError, SettingInvalid that
    name the argument. Whether a model's name can be used is found out when the app is entered.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str | Model | None = None,
        instructions: str = "",
        tools: Iterable[Tool | Callable[..., Value]] = (),
        settings: Mapping[str, Value] | None = None,
        retry: Retry | int = MODEL_RETRY,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.name = check_id("agent name", name)
        self.model = checked_model("model", model)
        given = checked_text("instructions", instructions)
        self.instructions = given if given.strip() else ""  # a provider refuses a blank message
        self.settings = given_record("settings", settings)
        self.retry = checked_retry("retry", retry).within(MAX_RETRY_AFTER)
        self.max_steps = checked_number("max_steps", max_steps, least=1)
        self.tools: dict[str, Tool] = {}
        for number, one in enumerate(_several(tools)):
            made = one if isinstance(one, Tool) else Tool(checked_function(f"tools[{number}]", one))
            if made.name in self.tools:
                raise NameTaken("tool", made.name)
            self.tools[made.name] = made

    def with_model(self, model: str | Model) -> Agent:
        """The same agent on another model."""
        return Agent(
            self.name,
            model=model,
            instructions=self.instructions,
            tools=self.tools.values(),
            settings=self.settings,
            retry=self.retry,
            max_steps=self.max_steps,
        )

    def resolve_model(self, name: str | None, default: str) -> Model:
        """The model of one call: named by the send or the thread, else the agent's, else the default."""
        return resolve(name or self.model or default)


def _several(tools: object) -> Iterable[object]:
    """Raises: SettingInvalid where it is one tool, or a mapping of some."""
    if callable(tools) or isinstance(tools, Tool | str | Mapping) or not isinstance(tools, Iterable):
        raise SettingInvalid(
            "tools", f"a list of functions, such as tools=[look], not {in_words(cast('object', tools))}"
        )
    return cast("Iterable[object]", tools)
