"""App: workflows and agents, a store, and the work done in this process while it is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar, overload

from perdure.agents.agent import Agent
from perdure.agents.loop import turn_workflow
from perdure.app.client import Client
from perdure.app.settings import setting
from perdure.core.clock import Clock, SystemClock
from perdure.core.given import in_words
from perdure.core.observe import Observer
from perdure.core.records import RunRecord
from perdure.core.values import Value
from perdure.errors import NameTaken, SettingInvalid
from perdure.models.resolve import check
from perdure.runs.access import Authorize
from perdure.runs.context import Context
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.runs.options import checked_number, checked_queues, checked_time, checked_timeout
from perdure.runs.worker import Worker
from perdure.runs.workflow import Workflow, Workflows
from perdure.stores.port import Store

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class App(Client):
    """What a program declares, and the door to it.

    `async with app:` opens the store and does the work here too; `async with app.client():` only asks.
    Shape: `store` is a URL, by default the setting PERDURE_STORE; `model` is for agents that name none, by default
    the setting PERDURE_MODEL; `queues` maps a queue to how many of its runs may
    run at once over all processes, None for no limit; `slots` bounds the runs of this process.
    `authorize` says whether somebody may do something (see `acting_as`); without it everybody may everything.
    `on_parked`, where it is set before the app is entered, is told of each run that this process has parked.
    Units: `lease_for`, `stall_limit` and `grace` are timedeltas or seconds.
    Raises: NameTaken where two workflows or agents have one name.
    """

    def __init__(
        self,
        store: str | None = None,
        *,
        agents: Iterable[Agent] = (),
        workflows: Iterable[Workflow[..., Value]] = (),
        model: str | None = None,
        queues: Mapping[str, int | None] | None = None,
        slots: int = 1000,
        lease_for: timedelta | float = 30.0,
        grace: timedelta | float = 10.0,
        clock: Clock | None = None,
        observer: Observer | None = None,
        stall_limit: timedelta | float = STALL_LIMIT,
        authorize: Authorize | None = None,
    ) -> None:
        if not isinstance(store, str | None):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("store", f"a URL as text, not {store!r}")
        super().__init__(setting("PERDURE_STORE", store), Workflows(), clock or SystemClock(), authorize=authorize)
        self._stall_limit = checked_timeout("stall_limit", stall_limit)
        self._queues = checked_queues({} if queues is None else queues)
        self._slots = checked_number("slots", slots, least=1)
        self._lease_for = checked_timeout("lease_for", lease_for)
        self._grace = checked_time("grace", grace)
        self._observer = observer
        self.on_parked: Callable[[RunRecord], None] | None = None
        self._worker: Worker | None = None
        self.agents: dict[str, Agent] = {}
        if not isinstance(model, str | None):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("model", f"a model's name, not {in_words(model)}; an Agent takes a Model")
        self.model = setting("PERDURE_MODEL", model)
        for workflow in _several("workflows", workflows):
            self.workflows.add(workflow)
        for agent in _several("agents", agents):
            self.add(agent)

    def add(self, agent: Agent) -> Agent:
        """Declare an agent. Raises: NameTaken; SettingInvalid for what is none."""
        if not isinstance(agent, Agent):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("agents", f"a perdure.Agent, not {agent!r}")
        if agent.name in self.agents:
            raise NameTaken("agent", agent.name)
        self.agents[agent.name] = agent
        self.workflows.add(turn_workflow(agent, self.model))
        return agent

    def check_models(self) -> None:
        """Find out now whether each agent's model can be used; `async with app:` does.

        Raises: ModelUnknown, ExtraMissing, or SettingInvalid that names what is not set; nothing was opened yet.
        """
        for agent in self.agents.values():
            check(agent.model or self.model)

    @overload
    def workflow(self, function: Callable[Concatenate[Context, P], Awaitable[R]]) -> Workflow[P, R]: ...

    @overload
    def workflow(
        self, *, name: str | None = None, version: str | None = None, queue: str = "default"
    ) -> Callable[[Callable[Concatenate[Context, P], Awaitable[R]]], Workflow[P, R]]: ...

    def workflow(
        self,
        function: Callable[..., Awaitable[object]] | None = None,
        *,
        name: str | None = None,
        version: str | None = None,
        queue: str = "default",
    ) -> object:
        """Declare an async function that lasts; its first parameter is the Context.

        Raises: NameTaken; SettingInvalid where it is not an async function.
        """

        def declare(function: Callable[..., Awaitable[object]]) -> Workflow[..., object]:
            declared = Workflow[..., object](function, name=name, version=version, queue=queue)
            self.workflows.add(declared)
            return declared

        return declare if function is None else declare(function)

    def client(self) -> Client:
        """The same door without the work: `async with app.client() as client:`."""
        return Client(self.url, self.workflows, self.clock, authorize=self._authorize, folder=self._folder)

    def worker(self, store: Store, *, worker_id: str | None = None) -> Worker:
        """A worker for everything that is declared here, on an open store."""
        names = dict.fromkeys(one.queue for one in self.workflows)
        return Worker(
            store,
            self.workflows,
            queues={"default": None} | dict.fromkeys(names) | self._queues,
            slots=self._slots,
            lease_for=self._lease_for,
            stall_limit=self._stall_limit,
            grace=self._grace,
            clock=self.clock,
            worker_id=worker_id,
            observer=self._observer,
            on_parked=self.on_parked,
        )

    async def stop_work(self, *, at_once: bool = False) -> None:
        """Do no more work here, as `Worker.stop`; asking goes on until the app is left.

        Safe twice, and before the app is entered.
        """
        if self._worker is not None:
            await self._worker.stop(at_once=at_once)

    async def __aenter__(self) -> Self:
        self.check_models()
        await super().__aenter__()
        try:
            self._worker = self.worker(self.store)
            await self._worker.start()
        except BaseException:
            self._worker = None
            await super().__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop_work(at_once=isinstance(error, KeyboardInterrupt))
        except (KeyboardInterrupt, SystemExit):  # raised by a signal handler, anywhere in there
            await self.stop_work(at_once=True)
            raise
        finally:
            if self._worker is not None:
                await self._worker.abandon()
            self._worker = None
            await super().__aexit__(kind, error, trace)


def _several(field: str, given: Iterable[T]) -> Iterable[T]:
    """Raises: SettingInvalid where one thing is given for several."""
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - users
        raise SettingInvalid(field, f"a list of {field}, not {given!r}")
    return given
