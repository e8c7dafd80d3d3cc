"""Make the journals that readers and lanes are measured on, through the library's own front door."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any


def one_run(folder: str, points: str, scalars: str = "5", spacing_us: str = "0") -> dict[str, Any]:
    """Log one finished run of so many points, in rows of so many scalars.

    :param spacing_us: how far apart the rows' times are, as a training's would be; 0 for as fast as can be.
    """
    import trackhub

    size, spacing = int(scalars), 1000 * int(spacing_us)
    rows = [{f"metric_{at}": random.random() for at in range(size)} for _ in range(1000)]
    with trackhub.start_run(project="bench", store=Path(folder), capture=False, delivery="off") as run:
        begun = _size(run)
        run.log(rows[0], step=0)
        declared = _size(run)
        now = time.time_ns()
        for step in range(1, int(points) // size):
            if spacing:
                run._writer.row_at(now + step * spacing, rows[step % 1000], step)
            else:
                run.log(rows[step % 1000], step=step)
        grown = _size(run) - declared
    return {"id": run.id, "row": grown / (int(points) // size - 1), "first": declared - begun, "bytes": _size(run)}


def many_runs(folder: str, runs: str) -> int:
    """Log so many short runs with params, tags and a last value each."""
    import trackhub

    for at in range(int(runs)):
        with trackhub.start_run(
            project=f"bench-{at % 4}",
            params={"model": {"depth": at % 16, "width": 64}, "lr": 10.0 ** -(at % 5), "seed": at},
            tags={"phase": "baseline", "owner": f"person {at % 7}"},
            store=Path(folder),
            capture=False,
            delivery="off",
        ) as run:
            for step in range(3):
                run.log({"loss": 1 / (step + 1), "acc": random.random()}, step=step)
    return int(runs)


def _size(run: Any) -> int:
    return sum(path.stat().st_size for path in run.folder.segments())


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
