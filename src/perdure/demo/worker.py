"""The worker of a demo: does the work of the demo's app, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal

from perdure.app import App
from perdure.demo.app import demo_app
from perdure.demo.orphans import end_with_parent
from perdure.demo.settings import shared_settings


async def work(app: App) -> None:
    """Work for an app until a signal."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with app:
        await over.wait()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    end_with_parent()
    asyncio.run(work(demo_app(shared_settings())))
