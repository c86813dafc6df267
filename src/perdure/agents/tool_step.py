"""The tool step: call, and commit the result in the message's part, or the error that the model is told."""

from __future__ import annotations

import msgspec

from perdure.agents.agent import Agent
from perdure.agents.history import UNKNOWN_OUTCOME
from perdure.agents.state import TurnState
from perdure.agents.tools import Tool, ToolContext
from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.failures import Failure
from perdure.core.messages import ToolCallPart
from perdure.core.operations import AppendEntries, HolderOperation, PutParts
from perdure.core.records import StepRecord
from perdure.core.text import well_formed_data
from perdure.core.values import Value, shown
from perdure.errors import NotStorable, StepFailed, ToolNotFound
from perdure.models.shapes import MAX_DEPTH, depth_of
from perdure.runs.in_doubt import DECIDED
from perdure.runs.options import StepOptions
from perdure.runs.protocols import RunContext, RunningStep

NAME_CHARS = 200
SHOWN_CHARS = 500
DECIDED_AS_FAILED = "A person has looked, and says that this call failed."

# a call that had begun while the agent still had the tool may have had its effect: it is in doubt, not unknown
_unknown_tool = StepOptions(kind="tool", in_doubt="fail")


async def call(context: RunContext, agent: Agent, state: TurnState, place: int, part: ToolCallPart) -> None:
    """Run one tool call as a step of its own; its result or its error stands in the message then.

    Raises: StepFailed for a tool that says that a call in doubt fails the turn.
    """
    calling = _ToolStep(context, agent.tools.get(part.tool), state, place, part)
    try:
        await calling.step
    except StepFailed as error:
        if calling.tool is not None and calling.tool.in_doubt == "fail" and error.code == "step_in_doubt":
            raise
    if not calling.has_ended:  # replayed: its result is in the message
        state.put(place, (state.stored[place],))


class _ToolStep:
    """One tool call."""

    def __init__(
        self, context: RunContext, tool: Tool | None, state: TurnState, place: int, part: ToolCallPart
    ) -> None:
        self._context = context
        self._state = state
        self._place = place
        self._part = part
        self._output: Value = None
        self._has_output = False
        self.tool = tool
        self.has_ended = False
        name = part.tool[:NAME_CHARS] or "?"
        options = tool.options if tool is not None else _unknown_tool
        self.step: RunningStep = context.step_with(name, self._run, (), options, self._at_end)
        self.step.arguments = part.arguments[:SHOWN_CHARS]  # who decides on a call in doubt has to know which one it is

    async def _run(self) -> Value:  # a person may say what it was
        tool = self.tool
        if tool is None:
            raise ToolNotFound(self._part.tool, "the agent has no tool of this name")
        kwargs = tool.bind(self._part.arguments)
        self._state.begun.add(self._place)
        args = (self._tool_context(),) if tool.takes_context else ()
        if tool.is_async:
            value = await tool.function(*args, **kwargs)
        else:
            value = await self.step.call_in_thread(tool.function, *args, **kwargs)
        limit = self._context.max_value
        output = shown(value, f"output of tool {tool.name!r}", limit, well_formed_data)
        self._output, self._has_output = _sendable(output, tool.name), True
        return None

    def _tool_context(self) -> ToolContext:
        return ToolContext(
            thread_id=self._state.given.thread_id,
            run_id=self._context.run_id,
            call_id=self._part.call_id,
            idempotency_key=self.step.idempotency_key,
            token=self.step.token,
            attempt=self.step.attempt,
            metadata=self._state.metadata,
        )

    def _at_end(self, record: StepRecord, seq: int) -> tuple[HolderOperation, ...]:
        if not self._context.is_final(record):
            return ()
        ended = self._ended(record)
        self._state.put(self._place, (ended,))
        self.has_ended = True
        message_id = self._state.message_id
        shown = Chunk(kind="tool_result", part=self._place, message_id=message_id)
        return (
            PutParts(message_id=message_id, first=self._place, parts=(ended,), version=self._context.version()),
            AppendEntries((chunk_entry(shown, self.step.position, 1, seq),)),
        )

    def _ended(self, record: StepRecord) -> ToolCallPart:
        if record.status == "completed":
            # without an output of its function the result is what a person said that it was
            output = self._output if self._has_output else msgspec.json.decode(record.result or b"null")
            return msgspec.structs.replace(self._part, state="completed", output=output)
        failure = record.failure
        if failure is not None and failure.data is not None and DECIDED in failure.data:
            words = f"{DECIDED_AS_FAILED} {failure.data[DECIDED]}".strip()
            return msgspec.structs.replace(self._part, state="failed", error=words, error_code="tool_failed")
        if record.status == "in_doubt" or failure is None or failure.reason == "in_doubt":
            return msgspec.structs.replace(
                self._part, state="in_doubt", error=UNKNOWN_OUTCOME, error_code="tool_in_doubt"
            )
        state = "in_doubt" if failure.reason == "timeout" else "failed"
        return msgspec.structs.replace(self._part, state=state, error=_said(failure), error_code=_code(failure))


def _sendable(output: Value, tool: str) -> Value:
    """A result that a model can be sent, now and in every later turn."""
    if depth_of(output) > MAX_DEPTH:
        raise NotStorable(f"output of tool {tool!r}", f"it is nested deeper than {MAX_DEPTH}")
    return output


def _said(failure: Failure) -> str:
    if failure.reason == "timeout":
        return f"The tool did not end in time ({failure.message}). {UNKNOWN_OUTCOME}"
    return f"{failure.cause_type}: {failure.message}"


def _code(failure: Failure) -> str:
    return "tool_timed_out" if failure.reason == "timeout" else failure.code or "tool_failed"
