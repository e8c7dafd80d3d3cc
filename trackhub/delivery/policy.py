"""Decide when to try again and when to give up; pure functions of attempts and time."""

from __future__ import annotations

import math

FIRST_S = 0.5
LONGEST_S = 60.0
MOST_ASKED_S = 600.0
MOST_UNKNOWN = 4
"""Failures of an unknown kind before a batch is taken apart and what fails again is given up."""


def delay(attempt: int, *, random: float, retry_after_s: object = None, longest_s: float = LONGEST_S) -> float:
    """Return the seconds to wait before the next try.

    Exponential back-off with full jitter above a half (AWS Architecture Blog, "Exponential Backoff
    And Jitter", 2015); a vendor's own wish is honoured where it is longer, up to ten minutes.

    :param attempt: failures so far, from 1.
    :param random: uniform in [0, 1).
    :param retry_after_s: what a vendor's plugin says; what is no number of seconds is no wish.
    :param longest_s: no back-off of our own is longer.

    >>> delay(1, random=0.0), delay(3, random=0.0), delay(50, random=0.0)
    (0.25, 1.0, 30.0)
    >>> delay(1, random=0.5, retry_after_s=7)
    7.0
    """
    longest = min(longest_s, FIRST_S * 2.0 ** min(attempt - 1, 20))
    own = longest * (0.5 + random / 2)
    return max(own, min(_seconds(retry_after_s), MOST_ASKED_S))


def _seconds(wish: object) -> float:
    try:
        seconds = float(wish)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):  # nothing, or a date
        return 0.0
    return 0.0 if math.isnan(seconds) else seconds
