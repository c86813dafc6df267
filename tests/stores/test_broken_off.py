"""A signal handler of the program raises while a commit is made on the loop: nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure.stores import open_store


async def flow(ctx: perdure.Context) -> str:
    return "done"


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("part", ["commit_if_free", "_commit", "_land", "leave"])
def test_a_commit_that_is_broken_off_on_the_loop_lands_and_its_program_ends(
    tmp_path: Path, part: str, where: str
) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    app = perdure.App(url)
    workflow = app.workflow(flow)

    async def main() -> None:
        async with app.client() as client:
            store: Any = client.store
            group = store._writer._group
            inner = getattr(group, part)

            def broken_off(*args: Any, **options: Any) -> Any:
                setattr(group, part, inner)
                if where == "after":
                    inner(*args, **options)
                sys.exit(3)

            setattr(group, part, broken_off)
            await client.start(workflow, run_id="run")

    async def stored() -> list[str]:
        store = await open_store(url)
        try:
            return [run.run_id for run in await store.runs.list(tenant=None)]
        finally:
            await store.close()

    with pytest.raises(SystemExit):
        asyncio.run(asyncio.wait_for(main(), 10))
    assert asyncio.run(stored()) == ["run"]
