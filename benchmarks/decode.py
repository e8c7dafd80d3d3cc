"""Measure how fast a journal becomes NumPy arrays, and how fast it is read event by event.

How: one run of 10 million points (quick: 1 million, and the budget's share) in rows of 5 floats,
read in processes of its own from the page cache: every series at once, one series of five as
``history`` gives it, and as events, which is what lanes read. The bare NumPy
``fromfile`` of the same bytes, neither verified nor split, is the floor.

Budget: 10 million points to NumPy ≤ 1 s.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.place import Place
from benchmarks.rows import Row


def run(place: Place) -> Iterator[Row]:
    """Yield the seconds of each way to read."""
    points = 1_000_000 if place.quick else 10_000_000
    made = place.module("stores", "one_run", place.folder / "store", points)
    found = [place.module("decode", place.folder / "store", points) for _ in range(1 if place.quick else 3)]
    share = points / 10_000_000

    def row(what: str, name: str, budget: float | None = None) -> Row:
        seconds = statistics.median(one[name] for one in found)
        return Row(f"{points:,} points, {what}", seconds, "s", budget, note=f"{points / seconds / 1e6:.1f} M points/s")

    yield row("every series to NumPy", "columns", 1.0 * share)
    yield row("one series of five, run.history()", "history")
    yield row("event by event, one segment", "segment")
    yield row("event by event, merged, as lanes do", "events")
    yield row("the bare np.fromfile", "floor")
    yield Row("bytes read", made["bytes"] / 1e6, "MB")


def worker(store: str, points: str) -> dict[str, float]:
    """Read in this process, each way several times, and return the medians."""
    import numpy as np

    import trackhub
    from trackhub.journal.columns import read_columns
    from trackhub.journal.journal import JournalReader
    from trackhub.journal.reader import SegmentReader
    from trackhub.journal.store import Store

    folder = next(iter(Store(Path(store)).runs()))
    (path,) = folder.segments()
    total = int(points)
    if sum(len(column.value) for column in read_columns(folder).values()) != total:
        raise SystemExit("not every point was read")
    view = trackhub.runs(store)[0]
    if len(view.history("metric_3")) != total // 5:
        raise SystemExit("not every point of a series was read")
    return {
        "columns": _seconds(lambda: read_columns(folder), 5),
        "history": _seconds(lambda: view.history("metric_3"), 3),
        "floor": _seconds(lambda: np.fromfile(path, dtype=np.uint8), 5),
        "segment": _seconds(lambda: _count(SegmentReader(path).records()), 1),
        "events": _seconds(lambda: _count(JournalReader(folder).events()), 1),
    }


def _seconds(call: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _count(records: Iterator[object]) -> int:
    return sum(1 for _ in records)


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
