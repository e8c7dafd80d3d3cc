"""Be a training process and weigh it at each stage; imports next to nothing, which would hide what trackhub adds.

Run as a script: ``footprint.py STORE POINTS BEFORE URL...``; BEFORE is a module to load first, or "-".
"""

from __future__ import annotations

import os
import sys


def weigh(pid: str = "self") -> tuple[float, float]:
    """Return a process's resident megabytes, and those that are its own alone."""
    resident = private = 0
    with open(f"/proc/{pid}/smaps_rollup") as lines:  # noqa: PTH123 - pathlib would be weighed, too
        next(lines)
        for line in lines:
            name, amount = line.split()[:2]
            resident += int(amount) if name == "Rss:" else 0
            private += int(amount) if name.startswith("Private_") and "Hugetlb" not in name else 0
    return resident / 1024, private / 1024


def main(store: str, points: str, before: str, *to: str) -> dict[str, tuple[float, float]]:
    """Start a run and log, and weigh the process each time."""
    if before != "-":
        __import__(before)
    rows = [{f"metric_{at}": (row + at) / 7 for at in range(5)} for row in range(1000)]
    weigh()
    found = {"bare": weigh()}
    import trackhub

    found["imported"] = weigh()
    run = trackhub.start_run(project="bench", to=to, store=store, capture=False)
    run.log(rows[0], step=0)
    found["started"] = weigh()
    for step in range(int(points) // 5):
        run.log(rows[step % 1000], step=step)
    found["logged"] = weigh()
    from trackhub import hub

    delivery = hub._process._process
    if delivery is not None:
        found["delivery"] = weigh(str(delivery.pid))
        os.kill(delivery.pid, 9)  # it would go on for minutes
        delivery.wait()
    run.finish(timeout_s=0)
    return found


if __name__ == "__main__":
    answer = main(*sys.argv[1:])
    import json

    print(json.dumps(answer))
