"""perdure (to last): AI agents and functions that survive crashes, deploys, closed browsers and week-long waits."""

from perdure.agents import Agent, Thread, Tool, ToolContext, Turn, tool
from perdure.app import App
from perdure.core.chunks import Chunk
from perdure.core.manifest import Manifest, Outcome, TaskSpec
from perdure.core.messages import Message
from perdure.core.retry import Retry
from perdure.errors import (
    ChildFailed,
    EventTimeout,
    PerdureError,
    RetryableError,
    RunCancelled,
    RunFailed,
    RunNotFound,
    StepFailed,
    StepInDoubt,
    StepTimedOut,
    TerminalError,
)
from perdure.runs.context import Context, current_step
from perdure.runs.durable import run_durable
from perdure.runs.handles import Run
from perdure.runs.worker import Worker
from perdure.runs.workflow import Workflow
from perdure.stores import open_store

__all__ = [
    "Agent",
    "App",
    "ChildFailed",
    "Chunk",
    "Context",
    "EventTimeout",
    "Manifest",
    "Message",
    "Outcome",
    "PerdureError",
    "Retry",
    "RetryableError",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunNotFound",
    "StepFailed",
    "StepInDoubt",
    "StepTimedOut",
    "TaskSpec",
    "TerminalError",
    "Thread",
    "Tool",
    "ToolContext",
    "Turn",
    "Worker",
    "Workflow",
    "current_step",
    "open_store",
    "run_durable",
    "tool",
]
