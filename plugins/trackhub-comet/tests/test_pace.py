"""Let values pass at a rate; time is made up, and nothing waits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackhub_comet.pace import Pace

from trackhub.errors import RetryLater


class Clock:
    """Go on when somebody sleeps, or when told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


def pace(a_minute: int) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(a_minute, clock, clock.sleep), clock


@given(st.integers(600, 20_000), st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 30)), min_size=1, max_size=80))
def test_no_minute_has_more_than_its_values(a_minute: int, calls: list[Any]):
    """However calls come: in any minute no more values pass than are published, but for one that is larger."""
    pacer, clock = pace(a_minute)
    passed: list[tuple[float, int]] = []
    for values, pause in calls:
        clock.now += pause
        try:
            pacer.take(values, "here")
        except RetryLater as later:
            clock.now += later.retry_after_s or 0
            pacer.take(values, "here")
        passed.append((clock.now, values))
    largest = max(values for _, values in passed)
    for begin, _ in passed:
        inside = sum(values for when, values in passed if begin <= when < begin + 60)
        assert inside <= a_minute + max(0, largest - a_minute // 6) + 1


def test_a_few_values_never_wait():
    """A training that logs now and then is not slowed."""
    pacer, clock = pace(12_000)
    for _ in range(100):
        clock.now += 1
        pacer.take(100, "here")
    assert clock.slept == 0


def test_many_values_take_their_time():
    """Sixty thousand values take some six minutes, as Comet wants it."""
    pacer, clock = pace(12_000)
    for _ in range(60):
        pacer.take(1000, "here")
    assert 300 <= clock.slept <= 360


def test_no_limit_is_none():
    """A server of one's own need not have one."""
    pacer, clock = pace(0)
    for _ in range(1000):
        pacer.take(1000, "here")
    assert clock.slept == 0


def test_a_wait_that_is_too_long_is_the_lanes():
    """A hook waits no longer than half a minute; the lane waits longer, and others go on."""
    pacer, clock = pace(60)
    pacer.take(100, "here")
    with pytest.raises(RetryLater, match="values_per_minute") as raised:
        pacer.take(100, "here")
    assert raised.value.retry_after_s > 25
    assert clock.slept == 0
