"""A workflow: a function, its name, and how its arguments and its result are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, ParamSpec, TypeVar

from perdure.core.annotations import Arguments, is_async, name_of, return_type
from perdure.core.ids import check_id
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.values import Value, check_storable, decode, loss_check, obstacle
from perdure.errors import NameTaken, NameUnknown, SettingInvalid
from perdure.runs.options import checked_text

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A function that lasts, made by `@app.workflow`; call it through `app.start`.

    Shape: `version` is what its author writes; a run remembers the one that it started with.
    Raises: SettingInvalid where it is not an async function with a context as its first parameter.
    """

    def __init__(
        self,
        function: Callable[..., Awaitable[R]],
        *,
        name: str | None = None,
        version: str | None = None,
        queue: str = "default",
    ) -> None:
        if not is_async(function):
            raise SettingInvalid("workflow", f"{name_of(function)} is not an async function")
        self.function = function
        self.name = check_id("workflow name", name or name_of(function))
        self.version = None if version is None else checked_text("version", version)
        self.queue = queue
        self.arguments = Arguments(function, skip=1)
        self.returns = return_type(function)
        self.loss = None if obstacle(self.returns) else loss_check(self.returns)

    def check_result_type(self) -> None:
        """Raises: NotStorable where its result could not be stored, before it runs."""
        check_storable(self.returns, f"result of workflow {self.name!r}")

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
        return Manifest(
            project_id=project_id,
            task=TaskSpec(id=self.name, intent=self.name),
            input=decode(self.arguments.encode(args, kwargs)),
            scenario_id=scenario_id,
            tenant=tenant,
            tags=tags or {},
        )

    def call(self, context: object, stored: Value) -> Awaitable[R]:
        """Call the function with arguments as they were stored."""
        args, kwargs = self.arguments.restore(stored)
        return self.function(context, *args, **kwargs)


class Workflows:
    """The workflows of one process, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Workflow[..., Value]] = {}

    def add(self, workflow: Workflow[..., Value]) -> None:
        """Raises: NameTaken."""
        if self._by_name.get(workflow.name, workflow) is not workflow:
            raise NameTaken("workflow", workflow.name)
        self._by_name[workflow.name] = workflow

    def get(self, name: str) -> Workflow[..., Value]:
        """Raises: NameUnknown."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NameUnknown("workflow", name, tuple(self._by_name)) from None

    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self._by_name)

    def __iter__(self) -> Iterator[Workflow[..., Value]]:
        return iter(self._by_name.values())
