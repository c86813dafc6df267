"""The tool loop: a turn, end to end, as a durable run.

Ask the model; land its reply; run the tools that it called, side by side; land each result; ask again, until it calls
none. Each model call and each tool call is one step and one commit. The assistant's message is one for the whole
turn; its parts are written as they come, and it is finished in the commit that ends the run.
"""

from __future__ import annotations

from functools import partial

from perdure.agents.agent import Agent
from perdure.agents.model_step import ask
from perdure.agents.state import TurnInput, TurnState, load
from perdure.agents.tool_step import call
from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.failures import Failure
from perdure.core.messages import MessageStatus, ToolCallPart
from perdure.core.records import RunStatus
from perdure.errors import TurnTooLong
from perdure.runs.context import Context
from perdure.runs.workflow import Workflow
from perdure.stores.port import AppendEntries, Operation, SetMessage

PREFIX = "agent:"

_MESSAGE: dict[RunStatus, MessageStatus] = {"completed": "complete", "failed": "failed", "cancelled": "stopped"}


def turn_workflow(agent: Agent, default_model: str) -> Workflow[..., None]:
    """The workflow whose runs are this agent's turns."""

    async def turn(context: Context, given: TurnInput) -> None:
        await run_turn(context, agent, given, default_model)

    return Workflow(turn, name=f"{PREFIX}{agent.name}")


async def run_turn(context: Context, agent: Agent, given: TurnInput, default_model: str) -> None:
    """One turn. Raises: StepFailed when the model can't be asked; TurnTooLong."""
    state = await context.attempt.read(lambda store: load(store, given))
    context.attempt.at_end = partial(_finish, context, state)
    model = agent.resolve_model(given.model, default_model)
    while True:
        if state.step >= agent.max_steps:
            raise TurnTooLong(agent.name, agent.max_steps)
        asked = await ask(context, agent, state, model)
        calls = [
            (place, part)
            for place, part in enumerate(state.parts[asked.first : asked.first + asked.count], asked.first)
            if isinstance(part, ToolCallPart)
        ]
        if not calls:
            return
        await context.gather(*(partial(call, context, agent, state, place, _open(part)) for place, part in calls))


def _open(part: ToolCallPart) -> ToolCallPart:
    """The call as the model made it: in a replay its result stands in the part already."""
    return ToolCallPart(
        call_id=part.call_id, tool=part.tool, arguments=part.arguments, step=part.step, provider=part.provider
    )


def _finish(context: Context, state: TurnState, status: RunStatus, failure: Failure | None) -> tuple[Operation, ...]:
    finish = Chunk(
        kind="finish",
        message_id=state.message_id,
        finish_reason=state.finish_reason if status == "completed" else status,
        error=failure.message if failure else None,
    )
    return (
        SetMessage(message_id=state.message_id, status=_MESSAGE[status]),
        AppendEntries(context.run_id, (chunk_entry(finish),)),
    )
