"""What rooms above know of an attempt (`protocols.RunContext`), on an attempt of ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from perdure.core.clock import Clock
from perdure.core.records import RunRecord, StepRecord
from perdure.core.values import Value
from perdure.runs.protocols import EndOperations, ExtraOperations, RunningStep
from perdure.stores.port import Store
from perdure.streams import LogWriter

if TYPE_CHECKING:
    from perdure.runs.context import Context
    from perdure.runs.options import StepOptions

R = TypeVar("R")


class AttemptContext:
    """The `RunContext` of one attempt."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._attempt = context.attempt

    @property
    def run(self) -> RunRecord:
        return self._attempt.run

    @property
    def run_id(self) -> str:
        return self._attempt.run_id

    @property
    def tenant(self) -> str | None:
        return self._attempt.run.tenant

    @property
    def clock(self) -> Clock:
        return self._attempt.host.clock

    @property
    def log(self) -> LogWriter:
        return self._attempt.log

    @property
    def max_value(self) -> int:
        return self._attempt.host.store.abilities.max_value

    def version(self) -> int:
        return self._attempt.version()

    def is_final(self, record: StepRecord) -> bool:
        halt = self._attempt.halt
        is_stopped = halt is not None and halt.kind == "cancel"
        return record.status in {"completed", "failed"} or (record.status == "in_doubt" and is_stopped)

    async def read(self, ask: Callable[[Store], Awaitable[R]]) -> R:
        return await self._attempt.read(ask)

    def step_with(
        self,
        name: str,
        function: Callable[..., Value],
        args: tuple[Value, ...],
        options: StepOptions,
        extra_operations: ExtraOperations | None = None,
    ) -> RunningStep:
        return self._context.step_with(name, function, args, options, extra_operations)

    def end_with(self, extra_operations: EndOperations) -> None:
        self._attempt.at_end = extra_operations

    def gather(self, *items: Callable[[], Awaitable[Value]]) -> Awaitable[list[Value]]:
        return self._context.gather(*items)
