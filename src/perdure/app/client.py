"""Client: asks a store about runs and acts on them; does no work itself."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar, TypeVarTuple, overload

from perdure.agents.loop import PREFIX
from perdure.agents.thread import Thread
from perdure.agents.threads import Threads
from perdure.app.questions import Questions
from perdure.core.clock import Clock
from perdure.core.ids import new_id
from perdure.core.records import RunRecord, RunStatus
from perdure.core.values import Value, encode
from perdure.errors import AlreadyOpen, NameUnknown, StoreClosed
from perdure.runs.handles import Run
from perdure.runs.patience import bring_to_its_end
from perdure.runs.start_options import StartKeywords
from perdure.runs.starting import creation
from perdure.runs.workflow import ByPosition, Workflow, WorkflowByName, Workflows
from perdure.stores import open_store
from perdure.stores.port import CreateRun, Store

if TYPE_CHECKING:
    from typing import Unpack

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Client:
    """A door to a store: `async with` opens and closes it, and makes it where it is missing and `create` is on."""

    def __init__(self, url: str, workflows: Workflows, clock: Clock, *, create: bool = True) -> None:
        self.url = url
        self.workflows = workflows
        self.clock = clock
        self._create = create
        self._store: Store | None = None
        self._is_open = False
        self._entering = threading.Lock()

    @property
    def store(self) -> Store:
        """The open store. Raises: StoreClosed outside `async with`."""
        if self._store is None:
            raise StoreClosed("open it first: `async with app:`")
        return self._store

    @property
    def questions(self) -> Questions:
        """What runs ask a person."""
        return Questions(self.store, self.clock)

    @property
    def threads(self) -> Threads:
        """Conversations: make, find, list and delete them."""
        return Threads(self.store, self.clock, self._workflow_of)

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
        manifest = found.manifest(
            args,
            kwargs,
            project_id=options.project_id,
            scenario_id=options.scenario_id,
            tenant=options.tenant,
            tags=options.tags,
        )
        run_id = new_id("run") if options.run_id is None else options.run_id
        return await self.create_run(
            found, creation(found, manifest, run_id=run_id, at=self.clock.now(), queue=options.queue)
        )

    async def create_run(self, workflow: Workflow[..., R] | WorkflowByName, request: CreateRun) -> Run[R]:
        """Start a run as it was requested; durable when this returns. Raises: RunInputMismatch."""
        await self.store.commit(request)
        return Run(self.store, self.clock, request.run_id, workflow.returns)

    def run(self, run_id: str) -> Run[Value]:
        """The handle of a run by its id; cheap, asks nothing. Its result comes back as plain JSON data."""
        return Run(self.store, self.clock, run_id)

    async def emit_event(self, run_id: str, key: str, payload: Value = None) -> bool:
        """Emit an event to a run; true when it was the first with its key. Raises: RunNotFound."""
        return await self.run(run_id).emit_event(key, payload)

    async def runs(
        self,
        *,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Runs, the newest first, without their results. Raises: NotStorable for a name that no text can be."""
        encode({"workflow": workflow, "queue": queue}, "runs")
        return await self.store.runs.list(status=status, workflow=workflow, queue=queue, limit=limit)

    async def open_store(self) -> Store:
        """Open the store that this door is for; a test may put another one before it."""
        return await open_store(self.url, clock=self.clock, create=self._create)

    async def __aenter__(self) -> Self:
        """Raises: AlreadyOpen where it is open; who opened it keeps it."""
        with self._entering:
            if self._is_open:
                raise AlreadyOpen(type(self).__name__)
            self._is_open = True
        try:
            self._store = await self.open_store()
        except BaseException:
            self._is_open = False
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        store, self._store = self._store, None
        try:
            if store is not None:
                await bring_to_its_end(store.close)
        finally:
            self._is_open = False
