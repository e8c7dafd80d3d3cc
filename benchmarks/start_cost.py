"""Measure how long it takes until a training can log: the first ``start_run`` of a process, and later ones.

How: processes of their own, alternating over the cases; the clock runs from before
``import trackhub`` (or from after it) until the first ``run.log`` has returned. Four destinations
on the loopback, alive. ``capture=False``, and once with the environment captured as it is by default.

Budget: the first start with 4 destinations ≤ 200 ms, later ones ≤ 5 ms.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.place import Failed, Place
from benchmarks.rows import Row

CASES = (("4 destinations", 4, 0), ("4 destinations, capture", 4, 1), ("no destination", 0, 0))
LATER = 10
PEERS = ("trackio", "wandb", "comet", "tensorboardX", "mlflow")


def run(place: Place) -> Iterator[Row]:
    """Yield the milliseconds of first and later starts, then the peers'."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name, _, _ in CASES}
    for turn in range(3 if place.quick else 15):
        for name, count, capture in CASES:
            found[name].append(place.module("start_cost", place.folder / f"{count}-{capture}-{turn}", count, capture))
    for name, count, _ in CASES:
        bound = (200.0, 5.0) if count else (None, None)
        for what, key, budget in (
            ("first start_run + log, with import trackhub", "whole", bound[0]),
            ("first start_run + log, after import trackhub", "first", bound[0]),
            ("later start_run + log", "later", bound[1]),
        ):
            figures = [one[key] * 1000 for one in found[name]]
            note = f"from {min(figures):.1f} to {max(figures):.1f}"
            yield Row(f"{name}: {what}", statistics.median(figures), "ms", budget, note=note)
    for name in PEERS:
        try:
            started = [
                place.peer(name, "log", place.folder / f"{name}-{turn}", 5)["start_s"] * 1000
                for turn in range(1 if place.quick else 3)
            ]
        except Failed as error:
            yield Row(f"peer {name}: import, start, first log", None, "ms", note=str(error))
            continue
        yield Row(f"peer {name}: import, start, first log", statistics.median(started), "ms", note="offline")


def worker(folder: str, count: str, capture: str) -> dict[str, float]:
    """Start runs in this process."""
    row = {f"metric_{at}": at / 7 for at in range(5)}
    to = [f"bench://vendor-{at}" for at in range(int(count))]
    began = time.perf_counter()
    import trackhub

    imported = time.perf_counter()
    times, runs = [], []
    for _ in range(1 + LATER):
        run = trackhub.start_run(project="bench", to=to, store=Path(folder), capture=bool(int(capture)))
        run.log(row, step=0)
        runs.append(run)
        times.append(time.perf_counter())
    from benchmarks.targets import stop_delivery

    stop_delivery()
    for run in runs:
        run.finish(timeout_s=0)
    later = statistics.median(after - before for before, after in itertools.pairwise(times))
    return {"whole": times[0] - began, "first": times[0] - imported, "later": later}


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
