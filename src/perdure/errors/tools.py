"""What went wrong with a tool call; the model is told, the thread goes on."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class ToolError(PerdureError):
    """A tool call that has an error instead of a result."""

    def __init__(self, tool: str, reason: str) -> None:
        super().__init__(f"tool {tool!r}: {reason}")
        self.tool, self.reason = tool, reason


class ToolNotFound(ToolError):
    """The model called a tool that the agent does not have."""

    code = "tool_not_found"


class ToolInputInvalid(ToolError):
    """The arguments do not fit the tool's signature."""

    code = "tool_input_invalid"


class ToolFailed(ToolError):
    """The tool raised."""

    code = "tool_failed"


class ToolTimedOut(ToolError):
    """The tool ran past its timeout."""

    code = "tool_timed_out"


class ToolInDoubt(ToolError):
    """The tool began and nobody saw its end; it was not run again."""

    code = "tool_in_doubt"
