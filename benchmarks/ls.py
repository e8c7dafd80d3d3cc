"""Measure how long it takes to list the 10 000 runs of a store with a warm index.

How: 10 000 finished runs (quick: 1 000, and the budget's share) of 4 projects, each with params,
tags and metrics. The index is built once; then the summaries are asked for again and again in one
process, as ``trackhub ls`` and ``trackhub.runs`` do, without and with a filter. The whole command
is timed from outside, interpreter and imports included.

Budget: ≤ 100 ms in process for 10 000 runs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import Place
from benchmarks.rows import Row

WHERE = "metrics.acc > 0.9 and params.model.depth = 4"


def run(place: Place) -> Iterator[Row]:
    """Yield the milliseconds of each way to list."""
    count, store = 1_000 if place.quick else 10_000, place.folder / "store"
    place.module("stores", "many_runs", store, count)
    time.sleep(2.5)  # a folder that changed just now is looked at again
    cold = place.module("ls", store)
    warm = place.module("ls", store)
    budget = 100.0 * count / 10_000
    note = f"the slowest {warm['most']:.0f} ms"
    yield Row(f"{count:,} runs, warm: summaries", warm["summaries"], "ms", budget, note=note)
    yield Row(f"{count:,} runs, warm: trackhub.runs()", warm["runs"], "ms", budget)
    yield Row(f"{count:,} runs, warm: with a filter and an order", warm["filtered"], "ms")
    yield Row(f"{count:,} runs, without an index", cold["first"], "ms", note="once; then it is warm")
    command = [sys.executable, "-m", "trackhub.cli", "ls", "--store", str(store), "-n", "50"]
    taken = []
    for _ in range(3 if place.quick else 7):
        began = time.perf_counter()
        subprocess.run(command, check=True, env=place.environ(), cwd=place.folder, capture_output=True)
        taken.append((time.perf_counter() - began) * 1000)
    yield Row(f"{count:,} runs, warm: the whole command", statistics.median(taken), "ms")


def worker(store: str) -> dict[str, Any]:
    """List again and again in this process."""
    import trackhub
    from trackhub.journal.store import Store
    from trackhub.query.index import RunIndex

    index = RunIndex(Store(Path(store)))
    began = time.perf_counter()
    index.summaries()
    found: dict[str, Any] = {"first": (time.perf_counter() - began) * 1000}
    ways: dict[str, Callable[[], object]] = {
        "summaries": index.summaries,
        "runs": lambda: trackhub.runs(store),
        "filtered": lambda: trackhub.runs(store, where=WHERE, order_by="metrics.acc desc"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(15):
        for name, call in ways.items():
            began = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - began) * 1000)
    return found | {name: statistics.median(some) for name, some in times.items()} | {"most": max(times["summaries"])}


if __name__ == "__main__":
    os.environ.setdefault("TRACKHUB_CACHE", str(Path(sys.argv[1]).parent / "cache"))
    print(json.dumps(worker(*sys.argv[1:])))
