"""Agents: a model, tools and instructions; threads of turns; the tool loop.

May import `turns`, `runs`, `models` and below; opens no database, speaks no HTTP. Read next: `loop` (a turn, end to
end), then `model_step` and `tool_step` (its two kinds of step).
"""

from perdure.agents.agent import Agent
from perdure.agents.thread import Thread
from perdure.agents.threads import Threads
from perdure.agents.tools import Tool, ToolContext, tool
from perdure.agents.turn import Turn

__all__ = ["Agent", "Thread", "Threads", "Tool", "ToolContext", "Turn", "tool"]
