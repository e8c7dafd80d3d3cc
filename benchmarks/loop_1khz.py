"""Measure how much slower a 1 kHz training loop becomes by logging to 4 destinations.

How: in one process, stretches of the same loop (NumPy and Python work of about 1 ms, then a
row of 5 scalars) alternate between logging to a run with 4 destinations, to one with none, and
nothing at all; each stretch is timed whole. The destinations are alive, on the loopback, and
their delivery goes on during the stretches. Ratios are of neighbours, and their median counts.
The calls themselves are timed in a stretch of their own, with caches as cold as the work leaves them.

Budget: the loop with 4 destinations ≤ 1 % slower than with none.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import Place
from benchmarks.rows import Row

Log = Callable[[dict[str, float], int], Any]
STRETCH = 1000


def run(place: Place) -> Iterator[Row]:
    """Yield the slow-downs in per cent, and what a call costs within the loop."""
    found = place.module("loop_1khz", place.folder / "store", 4 if place.quick else 30)
    seconds, busy = found["seconds"], found["busy"]
    rate = STRETCH / statistics.median(seconds["nothing"])
    for one, other, budget in (("four", "none", 1.0), ("none", "nothing", None), ("four", "nothing", None)):
        ratios = [100 * (a / b - 1) for a, b in zip(seconds[one], seconds[other], strict=True)]
        ratios.sort()
        note = f"quartiles {ratios[len(ratios) // 4]:+.2f} and {ratios[len(ratios) * 3 // 4]:+.2f}; {rate:,.0f} Hz"
        what = f"{_SAID[one]} slower than {_SAID[other]}: wall time"
        yield Row(what, statistics.median(ratios), "%", budget, note=note)
        cpu = statistics.median(100 * (a / b - 1) for a, b in zip(busy[one], busy[other], strict=True))
        yield Row(f"{_SAID[one]} slower than {_SAID[other]}: the process's CPU time", cpu, "%", budget)
    calls = found["calls"]
    for name in ("four", "none", "floor"):
        note = f"p99 {calls[name][1]:.1f} µs"
        yield Row(f"a call within the loop, {_SAID[name]}: p50", calls[name][0], "µs", note=note)


_SAID = {"four": "4 destinations", "none": "no destination", "nothing": "not logging", "floor": "the bare write"}


def worker(folder: str, rounds: str) -> dict[str, Any]:
    """Run the stretches in this process."""
    import trackhub
    from benchmarks.floor import Floor
    from benchmarks.targets import stop_delivery, targets
    from benchmarks.timing import Spread

    work = _work()
    with targets("alive", 4) as to:
        four = trackhub.start_run(project="bench", to=to, store=Path(folder), capture=False)
        none = trackhub.start_run(project="bench", to=[], store=Path(folder), capture=False)
        bare = Floor(Path(folder) / "floor", 5)
        logs: dict[str, Log] = {"four": four.log, "none": none.log, "nothing": lambda *_: None}
        seconds: dict[str, list[float]] = {name: [] for name in logs}
        busy: dict[str, list[float]] = {name: [] for name in logs}
        for turn in range(int(rounds) + 1):
            for name in list(logs) if turn % 2 else list(logs)[::-1]:
                wall, cpu = _stretch(work, logs[name], turn * STRETCH)
                four.flush(timeout_s=5)  # so that no stretch pays for another's delivery
                if turn:  # the first warms up
                    seconds[name].append(wall)
                    busy[name].append(cpu)
        logs["floor"] = lambda row, step: bare.log(row.values(), step)
        calls = {name: Spread.of(_calls(work, logs[name])) for name in ("four", "none", "floor")}
        stop_delivery()
        for run in (four, none):
            run.finish(timeout_s=0)
    return {"seconds": seconds, "busy": busy, "calls": {name: (one.p50, one.p99) for name, one in calls.items()}}


def _stretch(work: Callable[[], float], log: Log, first: int) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    for step in range(first, first + STRETCH):
        loss = work()
        log({"loss": loss, "acc": 1 - loss, "lr": 0.1, "grad": loss * 2, "time": loss / 3}, step)
    return time.perf_counter() - began, time.process_time() - cpu


def _calls(work: Callable[[], float], log: Log) -> list[int]:
    samples = []
    for step in range(2 * STRETCH):
        loss = work()
        row = {"loss": loss, "acc": 1 - loss, "lr": 0.1, "grad": loss * 2, "time": loss / 3}
        began = time.perf_counter_ns()
        log(row, step)
        samples.append(time.perf_counter_ns() - began)
    return samples


def _work() -> Callable[[], float]:
    """Return about a millisecond of work: matrix products as a small model's, and some Python."""
    import numpy as np

    generator = np.random.default_rng(0)
    weights, batch = generator.normal(size=(128, 128)), generator.normal(size=(64, 128))

    def once(times: int) -> float:
        total = 0.0
        for _ in range(times):
            out = np.tanh(batch @ weights)
            total += sum(abs(one) for one in out[0].tolist()) / 128
        return total / times

    once(10)
    began = time.perf_counter()
    once(200)
    each = (time.perf_counter() - began) / 200
    times = max(1, round(0.001 / each))
    return lambda: once(times)


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
