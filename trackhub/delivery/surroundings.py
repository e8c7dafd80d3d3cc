"""Hold what a lane takes from outside: the clock, chance, and who is told."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from trackhub.delivery.policy import LONGEST_S
from trackhub.model.entities import RunEnd


def _ignore(*_: object) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Hold what a lane takes from outside, so that a test can give it another clock.

    :ivar longest_wait_s: no back-off is longer, unless the vendor asks for it.
    """

    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    failed: Callable[[str, str, str], None] = _ignore
    finished: Callable[[str, str, RunEnd], None] = _ignore
    longest_wait_s: float = LONGEST_S
