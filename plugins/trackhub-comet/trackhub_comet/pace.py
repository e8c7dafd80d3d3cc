"""Keep within the rates that Comet publishes; time and sleep are given from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

from trackhub.errors import RetryLater

_LONGEST_S = 25.0
_BURST = 6  # a sixth of a minute's values at once; the rest of them is spread over the minute


class Pace:
    """Let values pass, so many a minute at most.

    :param a_minute: 0 is without limit.
    """

    def __init__(
        self,
        a_minute: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._room = max(1.0, a_minute / _BURST)
        self._a_second = (a_minute - a_minute / _BURST) / 60
        self._clock, self._sleep = clock, sleep
        self._left = self._room
        self._when = clock()

    def take(self, values: int, shown: str) -> None:
        """Wait until values may be sent.

        :raises RetryLater: that would be longer than a hook may take.
        """
        if self._a_second <= 0:
            return
        now = self._clock()
        self._left = min(self._room, self._left + (now - self._when) * self._a_second)
        self._when = now
        # More than there is ever room for passes when all of the room is there, and is paid for afterwards.
        wait = (min(values, self._room) - self._left) / self._a_second
        if wait > _LONGEST_S:
            raise RetryLater(f"{shown}: {values} values exceed the rate; see values_per_minute", retry_after_s=wait)
        if wait > 0:
            self._sleep(wait)
        self._left -= values
