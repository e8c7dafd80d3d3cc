"""Check the places that are held against a plain set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trackhub_tensorboard.ranges import Ranges

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=12)


@given(SPANS, st.integers(0, 40), st.integers(0, 40))
def test_what_is_held_and_what_is_missing(spans, start, end):
    """Whatever the order in which places come, and however they overlap."""
    held, plain = Ranges(), set()
    for first, length in spans:
        held.add(first, first + length)
        plain |= set(range(first, first + length))
    assert len(held) == len(plain)
    missing = [place for first, behind in held.missing(start, end) for place in range(first, behind)]
    assert missing == [place for place in range(start, end) if place not in plain]
