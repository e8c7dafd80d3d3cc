"""Deliver a known run again and again, as a process that is killed at any moment; started by test_redelivery.py.

Its position is what a lane's cursor is: it moves behind each acknowledgement, and may be behind it.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from trackhub_tensorboard.plugin import open_backend

from trackhub.backend import Destination, Options
from trackhub.model.entities import Batch, MetricPoint, Param, RunEnd, RunInfo, Tag

BEGAN = 1_700_000_000_000_000_000
RUN = RunInfo(id="0" * 31 + "7", name="doomed", project="digits", started=BEGAN)
VALUES = (0.1, 3, True, math.inf, 2**70, -0.5)
STEPS = (None, 0.5, 7)


def points(count: int) -> tuple[MetricPoint, ...]:
    """Return a run's points: mostly rising steps, some that come again, fall, or are missing."""
    return tuple(
        MetricPoint(
            f"m{at % 5}",
            VALUES[at % 6] if at % 50 > 40 else at / 7,
            STEPS[at % 3] if at % 97 > 90 else at // 5 - (30 if at % 400 > 380 else 0),
            BEGAN + at * 1_000_003,
        )
        for at in range(count)
    )


def main(logs: str, count: int, size: int) -> None:
    """Deliver all from the cursor on, printing each acknowledgement."""
    cursor = Path(logs, "cursor")
    backend = open_backend(Destination.parse(f"tensorboard:{logs}/board"), Options())
    ref = backend.trackhub_start_run(RUN)
    given = points(count)
    start = int(cursor.read_text()) if cursor.exists() else 0
    backend.trackhub_log_params(ref, (Param("lr", 0.1, BEGAN), Param("depth", 4, BEGAN)))
    while start < count:
        backend.trackhub_log_metrics(
            ref, given[start : start + size], Batch(start=start, position=str(start + size), redelivered=True)
        )
        backend.trackhub_set_tags(ref, (Tag("at", str(start), BEGAN),))
        start += size
        partial = cursor.with_suffix(".partial")
        partial.write_text(str(start))
        partial.replace(cursor)
    backend.trackhub_finish_run(ref, RunEnd(status="finished", time=BEGAN + count * 1_000_003))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
