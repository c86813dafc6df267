"""Costs as counts and ratios of one run: what is written, what grows, and what readers and processes cost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.costs import (
    eager_model,
    growth,
    hot_queries,
    long_reader,
    processes,
    readers,
    threads,
    writes,
)
from benchmarks.costs.limits import SHORT, Sizes

PARTS = (writes, growth, threads, long_reader, readers, eager_model, processes, hot_queries)

__all__ = ["measure", "short"]


async def measure(url: str, sizes: Sizes | None = None) -> dict[str, float | int | str]:
    """Shape: the figures that `limits.LIMITS` names, and counts beside them; stores are new files beside `url`'s."""
    sizes = sizes or Sizes()
    figures: dict[str, float | int | str] = {}
    where = Path(url.removeprefix("sqlite:///")).parent
    for part in PARTS:
        with tempfile.TemporaryDirectory(dir=where, prefix=".bench-costs-") as folder:
            figures |= await part.measure(Path(folder), sizes)
    return figures


async def short(url: str) -> dict[str, float | int | str]:
    """Shape: as `measure`, of smaller sizes."""
    return await measure(url, SHORT)
