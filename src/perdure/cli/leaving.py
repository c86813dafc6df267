"""The end of a process whose user code will not end: what is ours is closed, so nothing is lost by leaving."""

from __future__ import annotations

import asyncio
import os
import sys

END_FOR = 1.0


async def leave_unresponsive(code: int) -> None:
    """Cancel the tasks that are left; where some swallow that, say so and leave without them.

    asyncio.run would wait for them, for ever.
    """
    from perdure.cli.terminal import notes

    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    unresponsive = (await asyncio.wait(left, timeout=END_FOR))[1] if left else left
    if unresponsive:
        notes().print(f"[yellow]![/] left without what would not end: {len(unresponsive)} of the workflows' functions")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
