"""Measure what one ``run.log`` costs the training.

How: in one process, blocks of ``run.log`` and of the floor (pack + CRC-32 + ``os.write`` of the
same bytes, see ``floor.py``) alternate; every call is timed by itself. The p99 is the median of the
blocks' own, so that a moment in which others have the processor does not decide it; that of all
calls together stands beside it. Rows of 1, 5 and 50
floats with a step; 0, 1 and 4 destinations on the loopback that are alive, and 4 that are dead
(two refuse, two never answer). ``capture=False``, as the environment has nothing to do with it.
Peers, where installed, log 5 scalars into their own offline files, each in its own process.

Budget: 5 scalars p50 ≤ 3 µs, p99 ≤ 10 µs, and p50 ≤ 2.5 x the floor's, whatever is attached.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import Failed, Place
from benchmarks.rows import Row
from benchmarks.timing import Spread, alternate, clock_cost_ns, paired_ratio

SIZES = (1, 5, 50)
CASES = ((0, "alive"), (1, "alive"), (4, "alive"), (4, "dead"))
PEERS = {"trackio": 3000, "comet": 3000, "wandb": 3000, "tensorboardX": 2000, "mlflow": 150}


def run(place: Place) -> Iterator[Row]:
    """Yield the cost of ``run.log`` in each situation, then the peers'."""
    rounds, calls = (6, 1000) if place.quick else (30, 2000)
    for count, kind in CASES:
        attached = f"{count} {kind}" if count else "none"
        for found in place.module("log_cost", place.folder / f"log-{count}-{kind}", count, kind, rounds, calls):
            size, binding = found["size"], found["size"] == 5
            what = f"{size} scalar{'s' * (size > 1)}, destinations {attached}"
            note = f"floor {found['floor_p50']:.2f} µs, the slowest call {found['most']:,.0f} µs"
            yield Row(f"{what}: p50", found["p50"], "µs", 3.0 if binding else None, note=note)
            note = f"floor {found['floor_p99']:.2f} µs; all blocks in one {found['p99_of_all']:.2f} µs"
            yield Row(f"{what}: p99", found["p99"], "µs", 10.0 if binding else None, note=note)
            yield Row(f"{what}: p50 over the floor's", found["ratio"], "x", 2.5 if binding else None)
    for name, number in PEERS.items():
        try:
            found = place.peer(name, "log", place.folder / f"peer-{name}", number // 4 if place.quick else number)
        except Failed as error:
            yield Row(f"peer {name}, 5 scalars: p50", None, "µs", note=str(error))
            continue
        note = f"p99 {found['p99']:,.0f} µs, the slowest call {found['most']:,.0f} µs; {found['version']}"
        yield Row(f"peer {name}, 5 scalars: p50", found["p50"], "µs", note=note)


def worker(folder: str, count: str, kind: str, rounds: str, calls: str) -> list[dict[str, Any]]:
    """Measure one situation in this process."""
    import trackhub
    from benchmarks.floor import Floor
    from benchmarks.targets import stop_delivery, targets

    found, clock = [], clock_cost_ns()
    with targets(kind, int(count)) as to:
        run = trackhub.start_run(project="bench", to=to, store=Path(folder), capture=False)
        for size in SIZES:
            rows = [{f"metric_{at}": random.random() for at in range(size)} for _ in range(1000)]
            floor = Floor(Path(folder) / f"floor-{size}", size)
            cases = {
                "floor": (floor.log, [tuple(row.values()) for row in rows]),
                "log": (run.log, rows),
            }
            alternate(cases, rounds=1, calls=500)  # warm
            blocks = alternate(cases, rounds=int(rounds), calls=int(calls))
            floor.close()
            each = {name: [Spread.of(some, clock) for some in parts] for name, parts in blocks.items()}
            whole = Spread.of([one for some in blocks["log"] for one in some], clock)
            found.append(
                {
                    "size": size,
                    "p50": whole.p50,
                    "p99": statistics.median(one.p99 for one in each["log"]),
                    "p99_of_all": whole.p99,
                    "most": whole.most,
                    "floor_p50": statistics.median(one.p50 for one in each["floor"]),
                    "floor_p99": statistics.median(one.p99 for one in each["floor"]),
                    "ratio": paired_ratio([one.p50 for one in each["log"]], [one.p50 for one in each["floor"]]),
                }
            )
        stop_delivery()
        run.finish(timeout_s=0)
    return found


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
