"""Time calls one by one, in blocks that alternate, so that a noisy machine disturbs all sides alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Call = Callable[[Any, int], object]


@dataclass(frozen=True, slots=True)
class Spread:
    """Hold how long calls took, in microseconds."""

    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, nanoseconds: Sequence[int], clock_ns: float = 0.0) -> Spread:
        """Return the spread of samples, less what reading the clock takes."""
        ordered = sorted(nanoseconds)
        last = len(ordered) - 1
        return cls(*((ordered[round(last * share)] - clock_ns) / 1000.0 for share in (0.5, 0.99, 1.0)))


def alternate(cases: dict[str, tuple[Call, Sequence[Any]]], *, rounds: int, calls: int) -> dict[str, list[list[int]]]:
    """Time every case in every round, and return each one's blocks of nanoseconds."""
    blocks: dict[str, list[list[int]]] = {name: [] for name in cases}
    order = list(cases)
    for turn in range(rounds):
        for name in order if turn % 2 else reversed(order):  # nobody is always the second
            call, arguments = cases[name]
            blocks[name].append(block(call, arguments, calls=calls, first=turn * calls))
    return blocks


def block(call: Call, arguments: Sequence[Any], *, calls: int, first: int = 0) -> list[int]:
    """Return the nanoseconds of each of a number of calls."""
    clock, samples, many = time.perf_counter_ns, [0] * calls, len(arguments)
    for at in range(calls):
        argument = arguments[at % many]
        began = clock()
        call(argument, first + at)
        samples[at] = clock() - began
    return samples


def clock_cost_ns() -> float:
    """Return what two looks at the clock take, to be left out."""
    clock, samples = time.perf_counter_ns, [0] * 20_000
    for at in range(len(samples)):
        began = clock()
        samples[at] = clock() - began
    return statistics.median(samples)


def paired_ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured side by side."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))
