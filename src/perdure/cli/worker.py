"""`perdure worker`: does the work of an app, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, say_store

if TYPE_CHECKING:
    from perdure.app import App
    from perdure.runs.worker import Worker

AppArgument = Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is declared.")]


def worker(target: AppArgument, store: StoreOption = None) -> None:
    """Do the work of an app. SIGTERM or Ctrl-C: claim nothing new, finish, release the rest; a second: at once."""
    from perdure.cli.loading import load_app

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(serve(load_app(target, store)))


async def serve(app: App) -> None:
    """Work for an app until a signal, politely; until a second one, at once."""
    from perdure.cli.exits import OK
    from perdure.cli.leaving import leave_unresponsive
    from perdure.cli.terminal import notes, one_line
    from perdure.stores import open_store

    app.check_models()
    store = await open_store(app.url, clock=app.clock)
    try:
        serving = app.worker(store)
        stop = _Stop(serving)
        await serving.start()
        try:
            say_store(app.url)
            if not stop.is_asked:
                names = ", ".join(app.workflows.names()) or "nothing"
                notes().print("[green]●[/] worker", one_line(f"{serving.worker_id} works for {names}"))
            await stop.stopped()
        finally:
            await serving.stop(at_once=True)  # also where code of the user's ends the process
    finally:
        await store.close()
    await leave_unresponsive(OK)
    notes().print("[green]✓[/] stopped")


class _Stop:
    """What signals ask of a worker: to stop within its grace time, to stop at once, to leave as it is."""

    def __init__(self, serving: Worker) -> None:
        from perdure.cli.signals import leave_now, on_signals

        self._worker = serving
        self._asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        on_signals(
            lambda _: self._stop("stopping; once more to stop at once", at_once=False),
            lambda _: self._stop("stopping at once; once more to leave as it is", at_once=True),
            lambda number: leave_now(number, "left as it is; its runs go on elsewhere when its lease has ended"),
        )

    @property
    def is_asked(self) -> bool:
        """Whether there was a signal."""
        return self._asked.is_set()

    async def stopped(self) -> None:
        """Wait for the first signal, then until the worker has stopped."""
        await self._asked.wait()
        while unfinished := [task for task in self._tasks if not task.done()]:
            await asyncio.gather(*unfinished)

    def _stop(self, said: str, *, at_once: bool) -> None:
        from perdure.cli.terminal import notes

        notes().print(said)
        self._tasks.add(asyncio.get_running_loop().create_task(self._worker.stop(at_once=at_once)))
        self._asked.set()
