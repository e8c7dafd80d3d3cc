"""Be a clock that only a test moves, so that no test of waiting waits."""

from __future__ import annotations

import time


class FakeClock:
    """Tell a time that stands still until it is advanced; it begins at the real one, so deadlines lie ahead.

    >>> clock = FakeClock(100.0)
    >>> clock.advance(2.5)
    >>> clock()
    102.5
    """

    def __init__(self, now: float | None = None) -> None:
        self.now = time.monotonic() if now is None else now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
