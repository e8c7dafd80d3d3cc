"""Deliver one run until a planted kill ends this process; :func:`trackhub.testing.faults.deliver_and_die` starts it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from trackhub.delivery.lane import RunLane
from trackhub.journal.store import RunFolder
from trackhub.testing.faults import Doomed, Kill, inject


def main() -> None:
    """Step a lane until it has nothing more, which is not to happen."""
    doomed = msgspec.json.decode(sys.stdin.buffer.read(), type=Doomed)
    calls = inject(doomed.target.open(), Kill(doomed.hook, doomed.calls))
    lane = RunLane(RunFolder(Path(doomed.folder)), calls)
    deadline = time.monotonic() + 30
    while not lane.drained and time.monotonic() < deadline:
        lane.step()
    sys.exit(f"nothing killed it: {lane.report()}")


if __name__ == "__main__":
    main()
