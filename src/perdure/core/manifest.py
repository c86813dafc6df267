"""What a run is asked to do: the identity of a run is the hash of this (`canonical.manifest_hash`)."""

from __future__ import annotations

import msgspec

from perdure.core.values import Value


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task: its id, its intent and its domain.

    Shape: `intent` is a fixed label of the operation, never user text: it is not redacted.
    """

    id: str
    intent: str = ""
    domain: str | None = None
    metadata: dict[str, Value] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run is asked to do.

    Shape: `tags` and the task's metadata describe it; `unchecked` says that nobody has compared the input with the
    parameters of the workflow, which was started by its name; all other fields identify the run.
    """

    project_id: str = "default"
    task: TaskSpec
    input: Value = None
    scenario_id: str | None = None
    tenant: str | None = None
    tags: dict[str, str] = {}
    unchecked: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How good a run's result is, by its author's own measure."""

    passed: bool | None = None
    score: float | None = None
    notes: str | None = None
    metadata: dict[str, Value] = {}
