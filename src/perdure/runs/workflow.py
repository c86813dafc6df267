"""A workflow: a function, its name, and how its arguments and its result are kept."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterator
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar, TypeVarTuple, cast, get_origin

from perdure.core.annotations import Arguments, called, first_parameter, is_async, is_cached, name_of, return_type
from perdure.core.ids import check_id
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.values import Value, check_storable, decode, loss_check, obstacle, plain
from perdure.errors import InputError, NameTaken, NameUnknown, SettingInvalid
from perdure.runs.options import checked_text
from perdure.runs.start_options import NO_OPTIONS, StartOptions, split

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Ts = TypeVarTuple("Ts")


class ByPosition(Protocol[*Ts, R_co]):
    """For type checkers: a workflow whose arguments are given by position, so that keywords can be options."""

    @property
    def function(self) -> Callable[[Value, *Ts], Awaitable[R_co]]:
        """Its function."""
        ...


class Workflow(Generic[P, R]):
    """A function that lasts, made by `@app.workflow`; call it through `app.start`.

    Shape: `version` is what its author writes; a run remembers the one that it started with.
    Raises: SettingInvalid where it is not an async function with a context as its first parameter.
    """

    def __init__(
        self,
        function: Callable[Concatenate[Value, P], Awaitable[R]],
        *,
        name: str | None = None,
        version: str | None = None,
        queue: str = "default",
    ) -> None:
        _check_function(function)
        self._function = function
        self.name = check_id("workflow name", name or name_of(function))
        self.version = None if version is None else checked_text("version", version)
        self.queue = check_id("queue", queue)
        self.options: StartOptions | None = None
        self.arguments = Arguments(function, skip=1)
        self.returns = return_type(function)
        self.loss = None if obstacle(self.returns) else loss_check(self.returns)

    def check_result_type(self) -> None:
        """Raises: NotStorable where its result could not be stored, before it runs."""
        check_storable(self.returns, f"result of workflow {self.name!r}")

    @property
    def not_a_step(self) -> str:
        """What is said where it is given as a step's function."""
        return f"a workflow, not a function; start it as a child: ctx.start({self.name}, …)"

    @property
    def function(self) -> Callable[Concatenate[Value, P], Awaitable[R]]:
        """What it is made of."""
        return self._function

    def with_options(
        self,
        *,
        run_id: str | None = None,
        queue: str | None = None,
        project_id: str = "default",
        scenario_id: str | None = None,
        tenant: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> Workflow[P, R]:
        """The same workflow with the options of one start, so that every argument of the start is its own."""
        options = StartOptions(
            run_id=run_id, queue=queue, project_id=project_id, scenario_id=scenario_id, tenant=tenant, tags=tags
        )
        made = copy.copy(self)
        made.options = options
        return made

    def split(self, by_position: int, keywords: dict[str, Value]) -> tuple[StartOptions, dict[str, Value]]:
        """The options of a start, and the workflow's own keywords. Raises: InputError where one could be either."""
        if self.options is not None:
            return self.options, keywords
        return split(self.name, self.arguments.parameters, by_position, keywords) if keywords else (NO_OPTIONS, {})

    def manifest(
        self,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
        *,
        project_id: str = "default",
        scenario_id: str | None = None,
        tenant: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> Manifest:
        """The request for one run with these arguments. Raises: InputError."""
        try:
            data = self.arguments.encode(args, kwargs)
        except InputError as error:
            if type(error) is not InputError:
                raise  # it says by itself what can't be stored
            bare = [str(one.replace(annotation=one.empty)) for one in self.arguments.parameters]
            takes = f"{self.name!r} takes ({', '.join(bare)})"
            raise InputError(error.field, f"{error.reason}; {takes}") from None
        return Manifest(
            project_id=project_id,
            task=TaskSpec(id=self.name, intent=self.name),
            input=decode(data),
            scenario_id=scenario_id,
            tenant=tenant,
            tags=tags or {},
        )

    def restored(self, stored: Value) -> tuple[tuple[Value, ...], dict[str, Value]]:
        """The function's arguments as they were stored. Raises: InputError where they do not fit."""
        if isinstance(stored, list):  # it was started by its name, where nobody knew the names of its parameters
            stored = decode(self.arguments.encode(tuple(cast("list[Value]", stored)), {}))
        return self.arguments.restore(stored)


class WorkflowByName:
    """A workflow of which this process knows the name only: its code is where it is executed."""

    version = None
    queue = "default"
    options: StartOptions | None = None
    returns: Value = Value

    def __init__(self, name: str) -> None:
        self.name = check_id("workflow", name)

    def check_result_type(self) -> None:
        """Whether its result can be stored is found out where it is executed."""

    def split(self, by_position: int, keywords: dict[str, Value]) -> tuple[StartOptions, dict[str, Value]]:
        """The options of a start, and the arguments by name."""
        return split(self.name, (), by_position, keywords)

    def manifest(
        self,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
        *,
        project_id: str = "default",
        scenario_id: str | None = None,
        tenant: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> Manifest:
        """The request for one run with these arguments, all by position or all by name.

        Raises: InputError. Whether the workflow takes them is found out where it is executed.
        """
        if args and kwargs:
            both = f"pass all by position or all by name: {self.name!r} is not declared here, its parameters not known"
            raise InputError("arguments", both)
        return Manifest(
            project_id=project_id,
            task=TaskSpec(id=self.name, intent=self.name),
            input=plain(list(args) if args else kwargs, "arguments"),
            scenario_id=scenario_id,
            tenant=tenant,
            tags=tags or {},
            unchecked=True,
        )


class Workflows:
    """The workflows of one process, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Workflow[..., Value]] = {}

    def add(self, workflow: Workflow[..., Value]) -> None:
        """Raises: NameTaken; SettingInvalid for what is no workflow."""
        if not isinstance(workflow, Workflow):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("workflows", f"a function declared with @app.workflow, not {workflow!r}")
        if self._by_name.get(workflow.name, workflow) is not workflow:
            raise NameTaken("workflow", workflow.name)
        self._by_name[workflow.name] = workflow

    def get(self, name: str) -> Workflow[..., Value]:
        """Raises: NameUnknown."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NameUnknown("workflow", name, tuple(self._by_name)) from None

    def find(self, workflow: Workflow[..., R] | str) -> Workflow[..., R] | WorkflowByName:
        """What a start names: a workflow, or the name of one, which may be declared in another process only.

        Raises: SettingInvalid for anything else; IdInvalid for a text that can be no name.
        """
        if isinstance(workflow, str):
            known = self._by_name.get(workflow)
            return known if known is not None else WorkflowByName(workflow)
        return checked_workflow(workflow)

    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self._by_name)

    def __iter__(self) -> Iterator[Workflow[..., Value]]:
        return iter(self._by_name.values())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name


def checked_workflow(workflow: Workflow[..., R]) -> Workflow[..., R]:
    """What can be started. Raises: SettingInvalid, with what to do instead."""
    if isinstance(workflow, Workflow):  # pyright: ignore[reportUnnecessaryIsInstance] - users
        return workflow
    given: object = workflow
    if called(given):
        raise SettingInvalid("workflow", "a coroutine; pass the workflow uncalled, and its arguments after it")
    hint = "declare it with @app.workflow first" if callable(given) else "a workflow is declared with @app.workflow"
    raise SettingInvalid("workflow", f"{name_of(given) if callable(given) else repr(given)} is no workflow; {hint}")


_DATA = ("builtins", "datetime", "decimal", "uuid")


def _check_function(function: object) -> None:
    if name := called(function):
        raise SettingInvalid("workflow", f"a coroutine; pass the function {name} uncalled")
    if not callable(function):
        raise SettingInvalid("workflow", f"an async function, not {function!r}; a name goes into name=…")
    if not is_async(function):
        raise SettingInvalid("workflow", f"{name_of(function)} is not an async function")
    if is_cached(function):
        reason = "a second run would get the coroutine of the first one; cache what it calls, not the workflow"
        raise SettingInvalid("workflow", f"{name_of(function)} is cached: {reason}")
    kind = first_parameter(function)
    kind = get_origin(kind) or kind
    if kind is None or (isinstance(kind, type) and kind.__module__ in _DATA and kind is not object):
        form = f"async def {name_of(function)}(ctx: perdure.Context, …)"
        raise SettingInvalid(
            "workflow", f"{name_of(function)} takes no context: the first parameter is one, as in {form}"
        )
