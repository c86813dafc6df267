"""What was measured, printed so that it can be compared; the assertions beside it are generous, machines differ."""

from __future__ import annotations


def report(what: str, took: list[float], *, unit: str = "ms") -> None:
    """Print median and 99th percentile. Units: `took` in seconds where the unit is ms."""
    ordered, factor = sorted(took), 1000 if unit == "ms" else 1
    p50, p99 = ordered[len(ordered) // 2] * factor, ordered[int(len(ordered) * 0.99)] * factor
    print(f"\n  {what}: p50 {p50:.3f} {unit}, p99 {p99:.3f} {unit}, {len(ordered)} times")
