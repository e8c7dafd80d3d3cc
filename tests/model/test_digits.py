"""Decimal digits of ints, as Python gives them where its limit lets it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.model.digits import from_digits, to_digits


@pytest.fixture(autouse=True)
def lowest_limit():
    """Set Python's own limit to the lowest that there is, as a process may."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(before)


@given(st.integers())
def test_as_python_has_them(value):
    """An int's digits are those of str(), and say the same int."""
    assert to_digits(value) == str(value)
    assert from_digits(to_digits(value)) == value


@pytest.mark.parametrize("length", [599, 600, 601, 640, 641, 1200, 1201, 5000, 60_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_any_length(length, sign):
    """Around each place where they are cut, with and without zeros there."""
    for size in (10**length, 10**length - 1, 10 ** (length - 1) + 7, (10**length) // 3):
        assert from_digits(to_digits(sign * size)) == sign * size
    assert to_digits(10**length) == "1" + "0" * length


@pytest.mark.parametrize("text", ["", "-", "+1", " 1", "1_0", "1.0", "--1", "x" * 700, "1" * 700 + "x", "\u0661"])
def test_no_digits(text):
    """Nothing else is an int."""
    with pytest.raises(ValueError, match="is no int in decimal digits"):
        from_digits(text)
