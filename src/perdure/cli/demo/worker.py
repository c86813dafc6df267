"""The worker of a demo: `perdure worker`, for the demo's app."""

from __future__ import annotations

import asyncio
import logging

from perdure.cli.demo.app import demo_app
from perdure.cli.demo.orphans import end_with_parent
from perdure.cli.demo.settings import shared_settings
from perdure.cli.worker import serve

if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    end_with_parent()
    asyncio.run(serve(demo_app(shared_settings())))
