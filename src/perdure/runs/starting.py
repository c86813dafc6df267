"""Starting a run: from a workflow and its arguments to the operation that creates it."""

from __future__ import annotations

from datetime import datetime

from perdure.core.canonical import manifest_hash
from perdure.core.ids import check_id, new_seed
from perdure.core.manifest import Manifest
from perdure.core.operations import CreateRun
from perdure.core.values import Value, encode
from perdure.errors import NotStorable
from perdure.runs.workflow import Workflow, WorkflowByName


def creation(
    workflow: Workflow[..., Value] | WorkflowByName,
    manifest: Manifest,
    *,
    run_id: str,
    at: datetime,
    queue: str | None = None,
    parent: tuple[str, str] | None = None,
    thread_id: str | None = None,
) -> CreateRun:
    """The operation that creates a run.

    Raises: IdInvalid, NotStorable, TooLarge: before anything changed.
    """
    for tag, text in manifest.tags.items():
        if not (isinstance(tag, str) and isinstance(text, str)):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise NotStorable(f"tags.{tag}", "a tag is a text with a text for its name")
    workflow.check_result_type()
    return CreateRun(
        run_id=check_id("run_id", run_id),
        workflow=workflow.name,
        manifest=encode(manifest, "manifest"),
        manifest_hash=manifest_hash(manifest),
        seed=new_seed(),
        at=at,
        queue=check_id("queue", queue or workflow.queue),
        project_id=check_id("project_id", manifest.project_id),
        scenario_id=None if manifest.scenario_id is None else check_id("scenario_id", manifest.scenario_id),
        tenant=None if manifest.tenant is None else check_id("tenant", manifest.tenant),
        version=workflow.version,
        tags=manifest.tags,
        parent_id=parent[0] if parent else None,
        parent_key=parent[1] if parent else None,
        thread_id=thread_id,
    )
