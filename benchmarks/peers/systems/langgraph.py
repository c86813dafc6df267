"""LangGraph on its SQLite checkpointer: a graph of one node that goes round, and durability "sync".

Its default, "async", begins a step before the one before it is written. The synchronous checkpointer is quicker here
than the asynchronous one; concurrent graphs are run by threads.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count as numbers
from pathlib import Path
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from benchmarks.peers.system import System, answer, sqlite_durability

THREADS = 32


class State(TypedDict):
    number: int
    steps: int
    total: int


def step(state: State) -> dict[str, int]:
    return {"number": state["number"] + 1, "total": state["total"] + state["number"]}


def further(state: State) -> str:
    return "step" if state["number"] < state["steps"] else END


@contextmanager
def start(folder: Path) -> Generator[System]:
    os.environ["LANGSMITH_TRACING"] = "false"
    builder = StateGraph(State)
    builder.add_node("step", step)
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", further, ["step", END])
    threads = numbers()
    with SqliteSaver.from_conn_string(f"{folder}/langgraph.sqlite") as saver, ThreadPoolExecutor(THREADS) as pool:
        saver.setup()
        graph = builder.compile(checkpointer=saver)

        def one(steps: int) -> int:
            config = {"configurable": {"thread_id": str(next(threads))}, "recursion_limit": steps + 10}
            state: State = {"number": 0, "steps": steps, "total": 0}
            return graph.invoke(state, config, durability="sync")["total"]

        yield System(
            version=version("langgraph"),
            durability=sqlite_durability(lambda name: saver.conn.execute(f"PRAGMA {name}").fetchone()[0]),
            one=one,
            many=lambda runs, steps: list(pool.map(one, [steps] * runs)),
        )


if __name__ == "__main__":
    answer(start)
