"""A door for one tenant and one principal: the handles of runs, threads and questions are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar, TypeVarTuple, overload

import msgspec

from perdure.agents.loop import PREFIX
from perdure.agents.thread import Thread
from perdure.agents.threads import Threads
from perdure.app.questions import Questions
from perdure.core.given import given_number, given_several, given_text
from perdure.core.ids import new_id
from perdure.core.operations import CreateRun
from perdure.core.records import RunRecord, RunStatus
from perdure.core.states import RUN_STATUSES
from perdure.core.values import Value
from perdure.errors import InputError, NameUnknown
from perdure.runs.access import Access
from perdure.runs.handles import Run
from perdure.runs.start_options import StartKeywords
from perdure.runs.starting import creation
from perdure.runs.workflow import ByPosition, Workflow, WorkflowByName, Workflows

if TYPE_CHECKING:
    from typing import Unpack

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Door:
    """Asks a store about runs and acts on them, for one tenant, as one principal; does no work itself."""

    def __init__(self, workflows: Workflows, access: Access | None = None) -> None:
        self.workflows = workflows
        self._given = access

    @property
    def access(self) -> Access:
        """The store, and who asks for which tenant."""
        assert self._given is not None  # noqa: S101 - who inherits without one has one of its own
        return self._given

    def acting_as(self, *, tenant: str | None = None, principal: str | None = None) -> Door:
        """The same door for a tenant, or as somebody: what `authorize` is asked with, and whose rows are seen."""
        return Door(self.workflows, msgspec.structs.replace(self.access, tenant=tenant, principal=principal))

    @property
    def questions(self) -> Questions:
        """What runs ask a person."""
        return Questions(self.access)

    @property
    def threads(self) -> Threads:
        """Conversations: make, find, list and delete them."""
        return Threads(self.access, self._workflow_of)

    def thread(self, thread_id: str) -> Thread:
        """The handle of a thread by its id; cheap, asks nothing."""
        return self.threads.thread(thread_id)

    def _workflow_of(self, agent: str) -> Workflow[..., Value]:
        try:
            return self.workflows.get(f"{PREFIX}{agent}")
        except NameUnknown as error:
            agents = (name.removeprefix(PREFIX) for name in error.known if name.startswith(PREFIX))
            raise NameUnknown("agent", agent, tuple(agents)) from None

    @overload
    async def start(self, workflow: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...

    @overload
    async def start(self, workflow: ByPosition[*Ts, R], /, *args: *Ts, **options: Unpack[StartKeywords]) -> Run[R]: ...

    @overload
    async def start(self, workflow: str, /, *args: Value, **keywords: Value) -> Run[Value]: ...

    async def start(self, workflow: Value, /, *args: Value, **keywords: Value) -> Run[Value]:
        """Start a run; durable when this returns, executed by whatever worker has the workflow.

        Shape: the arguments are the workflow's own; with arguments by position, the options `run_id`, `queue`,
        `project_id`, `scenario_id`, `tenant` and `tags` may be given by name. `workflow.with_options(…)` sets them
        apart, and leaves every keyword to the workflow. The same `run_id` with the same arguments gives the same run,
        so a start can be repeated; without one a new id is made. A workflow that is declared elsewhere only is started
        by its name, with its arguments all by position or all by name, on the queue `default` where none is given;
        its result is plain JSON data.
        Raises: RunInputMismatch where the id is taken by a run with other arguments; InputError (IdInvalid,
        NotStorable, TooLarge) and SettingInvalid before anything changed.
        """
        found = self.workflows.find(workflow)
        options, kwargs = found.split(len(args), keywords)
        access = self._access_for(options.tenant)
        manifest = found.manifest(
            args,
            kwargs,
            project_id=options.project_id,
            scenario_id=options.scenario_id,
            tenant=access.tenant,
            tags=options.tags,
        )
        run_id = new_id("run") if options.run_id is None else options.run_id
        request = creation(found, manifest, run_id=run_id, at=access.clock.now(), queue=options.queue)
        return await self.create_run(found, request)

    def _access_for(self, tenant: str | None) -> Access:
        """Raises: InputError where another tenant than this door's is named."""
        access = self.access
        if tenant is None or tenant == access.tenant:
            return access
        if access.tenant is not None:
            raise InputError("tenant", f"this is the door of tenant {access.tenant!r}, not of {tenant!r}")
        return msgspec.structs.replace(access, tenant=tenant)

    async def create_run(self, workflow: Workflow[..., R] | WorkflowByName, request: CreateRun) -> Run[R]:
        """Start a run as it was requested; durable when this returns. Raises: RunInputMismatch."""
        access = self._access_for(request.tenant)
        await access.check("run.start", request.run_id)
        await access.store.execute(request)
        return Run(access, request.run_id, workflow.returns)

    def run(self, run_id: str) -> Run[Value]:
        """The handle of a run by its id; cheap, asks nothing. Its result comes back as plain JSON data."""
        return Run(self.access, run_id)

    async def emit_event(self, run_id: str, key: str, payload: Value = None) -> bool:
        """Emit an event to a run; true when it was the first with its key.

        A run that has ended keeps it, and finds it when it is restarted. Raises: RunNotFound.
        """
        return await self.run(run_id).emit_event(key, payload)

    async def runs(
        self,
        *,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Runs, the newest first, without their results. Raises: InputError for a status that there is not."""
        given_several("status", status, RUN_STATUSES)
        for field, name in (("workflow", workflow), ("queue", queue)):
            if name is not None:
                given_text(field, name)
        given_number("limit", limit)
        access = self.access
        await access.check("run.list", workflow or "")
        return await access.store.runs.list(
            tenant=access.tenant, status=status, workflow=workflow, queue=queue, limit=limit
        )
