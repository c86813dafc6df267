"""`perdure worker`: does the work of an app, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, say_store

if TYPE_CHECKING:
    from perdure.app import App
    from perdure.runs.worker import Worker

AppArgument = Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is declared.")]


def worker(target: AppArgument, store: StoreOption = None) -> None:
    """Do the work of an app. SIGTERM or Ctrl-C: claim nothing new, finish, release the rest; a second one: at once."""
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
        notes().print("[green]✓[/] stopped")
    finally:
        await store.close()
    await leave_unresponsive(OK)


class _Stop:
    """What signals ask of a worker: the first to stop within its grace time, the second to stop at once."""

    def __init__(self, serving: Worker) -> None:
        self._worker = serving
        self._asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask)

    @property
    def is_asked(self) -> bool:
        """Whether there was a signal."""
        return self._asked.is_set()

    async def stopped(self) -> None:
        """Wait for the first signal, then until the worker has stopped."""
        await self._asked.wait()
        await asyncio.gather(*self._tasks)

    def _ask(self) -> None:
        from perdure.cli.terminal import notes

        again = self._asked.is_set()
        notes().print("stopping at once" if again else "stopping; once more to stop at once")
        task = asyncio.get_running_loop().create_task(self._worker.stop(at_once=again))
        self._tasks.add(task)
        self._asked.set()
