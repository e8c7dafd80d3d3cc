"""Make a request again at once where that is harmless and it failed quickly; waiting longer is the lane's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from trackhub.errors import RetryLater

_T = TypeVar("_T")
_TRIES = 4
_QUICK_S = 2.0
_PAUSE_S = 0.05
_asking = threading.local()


def again(ask: Callable[[], _T]) -> _T:
    """Return what a request answers; it must change nothing that a second one like it would change again.

    What is known of a run takes several requests to find out, and a network that loses one in ten would
    seldom let all of them pass.

    :raises RetryLater: it failed every time, or slowly, or the server named a time to wait.
    """
    if getattr(_asking, "now", False):  # a part of what is made again as a whole
        return ask()
    _asking.now = True
    try:
        return _again(ask)
    finally:
        _asking.now = False


def _again(ask: Callable[[], _T]) -> _T:
    began = time.monotonic()
    for tries in range(1, _TRIES + 1):
        try:
            return ask()
        except RetryLater as error:
            if tries == _TRIES or error.retry_after_s is not None or time.monotonic() - began > _QUICK_S:
                raise
        time.sleep(_PAUSE_S * tries)
    raise AssertionError("a loop of tries ended without one")
