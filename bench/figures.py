"""How a benchmark says what it found."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    at: Mapping[str, int] | None = None,
    against: str = "",
    ratio: float | None = None,
) -> None:
    """Print one figure as a line of JSON.

    Args:
        at: the numbers under which it was measured, such as how many probes there were.
        against: what was measured in the same run to compare with; empty where a figure stands for itself.
        ratio: `value` divided by the other's.
    """
    line = {"figure": name, **(at or {}), "value": round(value, 3), "unit": unit, "against": against or None}
    print(json.dumps({**line, "ratio": None if ratio is None else round(ratio, 3)}), flush=True)  # noqa: T201


def median_ms(work: Callable[[], object], times: int = 60) -> float:
    """Median wall time of `work` in milliseconds, after three runs that are not counted."""
    for _ in range(3):
        work()
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        samples.append((time.perf_counter() - began) * 1000)
    return statistics.median(samples)
