from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.delivery.policy import LONGEST_S, delay


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_positive_and_bounded(attempt, random):
    """No attempt waits for nothing or for longer than the limit."""
    assert 0 < delay(attempt, random=random) <= LONGEST_S


@given(st.integers(1, 30), st.floats(0, 1, exclude_max=True), st.floats(0, 1e9))
def test_a_vendors_wish_is_a_lower_bound(attempt, random, wish):
    """Retry-After is honoured up to ten minutes, and never shortens our own wait."""
    waited = delay(attempt, random=random, retry_after_s=wish)
    assert waited >= min(wish, 600)
    assert waited >= delay(attempt, random=random)


@given(st.integers(1, 6))
def test_delays_grow(attempt):
    """Each failure waits longer than the one before, up to the limit."""
    assert delay(attempt + 1, random=0.0) == 2 * delay(attempt, random=0.0)


@pytest.mark.parametrize("wish", [None, "soon", "Wed, 21 Oct 2015 07:28:00 GMT", float("nan"), -5, 10**400, []])
def test_what_is_no_number_of_seconds_is_no_wish(wish):
    """A plugin may hand over what its vendor said as it was."""
    assert delay(3, random=0.0, retry_after_s=wish) == delay(3, random=0.0)


def test_a_wish_may_be_text():
    """A header's value is text."""
    assert delay(1, random=0.0, retry_after_s="90") == 90
    assert delay(1, random=0.0, retry_after_s="inf") == 600
