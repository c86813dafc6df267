"""An agent: what is declared once, and runs in every thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from perdure.agents.tools import Tool
from perdure.core.ids import check_id
from perdure.core.retry import Retry
from perdure.core.values import Value, encode, plain
from perdure.errors import NameTaken, SettingInvalid
from perdure.models.protocol import Model
from perdure.models.resolve import resolve

MODEL_RETRY = Retry(attempts=4, initial=0.5, cap=30.0)
MAX_RETRY_AFTER = 600.0
MAX_STEPS = 50


class Agent:
    """A model with instructions and tools.

    Shape: `model` is a name (`openai:gpt-5-mini`, `perdure:extractive`…) or a Model; without one, the app's default.
    `tools` are plain typed functions, or made by `tool`. `settings` go to the model with each call (temperature,
    max_tokens, tool_choice…), under those of the thread and of the send. `max_steps` bounds a turn's model calls.
    Raises: ToolSignatureInvalid; NameTaken where two tools have one name; IdInvalid; SettingInvalid.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str | Model | None = None,
        instructions: str = "",
        tools: Iterable[Tool | Callable[..., Value]] = (),
        settings: Mapping[str, Value] | None = None,
        retry: Retry = MODEL_RETRY,
        max_steps: int = MAX_STEPS,
    ) -> None:
        if max_steps < 1:
            raise SettingInvalid("max_steps", f"at least 1, not {max_steps}")
        self.name = check_id("agent name", name)
        self.model = model
        given: str = plain(instructions, "instructions")
        self.instructions = given if given.strip() else ""  # a provider refuses a blank message
        self.settings: dict[str, Value] = plain(dict(settings or {}), "settings")
        self.retry = retry.within(MAX_RETRY_AFTER)
        self.max_steps = max_steps
        self.tools: dict[str, Tool] = {}
        for one in tools:
            made = one if isinstance(one, Tool) else Tool(one)
            if made.name in self.tools:
                raise NameTaken("tool", made.name)
            encode(made.spec.description, f"description of tool {made.name!r}")
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
