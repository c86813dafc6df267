"""The tool loop: a turn, end to end, as a durable run.

Ask the model; commit its reply; run the tools that it called, side by side; commit each result; ask again, until it
calls none. Each model call and each tool call is one step and one commit. The assistant's message is one for the whole
turn; its parts are written as they come, and it is finished in the commit that ends the run.
"""

from __future__ import annotations

from functools import partial

import msgspec

from perdure.agents.agent import Agent
from perdure.agents.history import NEVER_RAN, closed
from perdure.agents.model_step import ask
from perdure.agents.state import TurnInput, TurnState, load
from perdure.agents.tool_step import call
from perdure.core.chunks import RUN_LANE, Chunk, chunk_entry
from perdure.core.failures import Failure
from perdure.core.messages import ToolCallPart, call_of
from perdure.core.operations import AppendEntries, HolderOperation, PutParts, SetMessage
from perdure.core.records import RunStatus
from perdure.core.states import MESSAGE_STATUS
from perdure.errors import ModelCutOff, RunCancelled, RunFailed, TurnTooLong
from perdure.models.finish import is_whole
from perdure.runs.context import Context
from perdure.runs.protocols import RunContext
from perdure.runs.run_context import AttemptContext
from perdure.runs.workflow import Workflow

PREFIX = "agent:"


def turn_workflow(agent: Agent, default_model: str) -> Workflow[..., None]:
    """The workflow whose runs are this agent's turns."""

    async def turn(context: Context, given: TurnInput) -> None:
        await run_turn(AttemptContext(context), agent, given, default_model)

    return Workflow(turn, name=f"{PREFIX}{agent.name}")


async def run_turn(context: RunContext, agent: Agent, given: TurnInput, default_model: str) -> None:
    """One turn. Raises: StepFailed when the model can't be asked; TurnTooLong."""
    state = await load(context, given)
    context.end_with(partial(_finish, context, state, frozenset[int]()))
    model = agent.resolve_model(given.model, default_model)
    while True:
        asked = await ask(context, agent, state, model)
        calls = [
            (place, called)
            for place, part in enumerate(state.parts[asked.first : asked.first + asked.count], asked.first)
            if (called := call_of(part)) is not None
        ]
        if not calls:
            return
        if state.step >= agent.max_steps:  # nobody would see what these calls come to
            context.end_with(partial(_finish, context, state, frozenset(place for place, _ in calls)))
            raise TurnTooLong(agent.name, agent.max_steps)
        whole = [(place, _open(part)) for place, part in calls if part.error_code != ModelCutOff.code]
        await context.gather(*(partial(call, context, agent, state, place, part) for place, part in whole))


def _open(part: ToolCallPart) -> ToolCallPart:
    """The call as the model made it: in a replay its result stands in the part already."""
    return ToolCallPart(
        call_id=part.call_id, tool=part.tool, arguments=part.arguments, step=part.step, provider=part.provider
    )


def _finish(
    context: RunContext,
    state: TurnState,
    never_ran: frozenset[int],
    status: RunStatus,
    failure: Failure | None,
    seq: int,
) -> tuple[HolderOperation, ...]:
    """What is committed with the end of the run: no call stays without a result, and no reader without an end.

    Shape: `never_ran` are places of calls that nobody ran, whatever attempts before knew of them.
    """
    message_id = state.message_id
    code = TurnTooLong.code if never_ran else RunCancelled.code if status == "cancelled" else RunFailed.code
    without_result = [
        (place, closed(part) if state.may_have_run(place) and place not in never_ran else _never_ran(part, code))
        for place, part in state.open_calls()
    ]
    is_cut_off = status == "completed" and not is_whole(state.finish_reason or "")
    finish = Chunk(
        kind="finish",
        message_id=message_id,
        finish_reason=state.finish_reason if status == "completed" else status,
        error=failure.message if failure else None,
    )
    shown = [Chunk(kind="tool_result", part=place, message_id=message_id) for place, _ in without_result]
    version = context.version()
    ended = SetMessage(
        message_id=message_id,
        version=version,
        at=context.clock.now(),
        status="cut_off" if is_cut_off else MESSAGE_STATUS[status],
    )
    entries = [
        chunk_entry(chunk, RUN_LANE, 1 if number == 0 else seq + number, seq + number)
        for number, chunk in enumerate((*shown, finish))
    ]
    return (
        *(
            PutParts(message_id=message_id, first=place, parts=(part,), version=version)
            for place, part in without_result
        ),
        ended,
        AppendEntries(tuple(entries)),
    )


def _never_ran(part: ToolCallPart, code: str) -> ToolCallPart:
    return msgspec.structs.replace(part, state="failed", error=NEVER_RAN, error_code=code)
