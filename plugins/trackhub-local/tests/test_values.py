"""Hold values, times, marks and places to being exact."""

from __future__ import annotations

import itertools
import json
import math
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trackhub_local import marks, values
from trackhub_local.places import Places
from trackhub_local.times import iso

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_INTS = st.integers() | st.integers(-(2**63) - 2, 2**64) | st.just(10**400) | st.just(-(7**4000))
_FLOATS = st.floats(allow_nan=True, allow_infinity=True)
_LEAVES = st.none() | st.booleans() | _INTS | _FLOATS | _TEXT
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4))


def same(one: object, other: object) -> bool:
    """Return whether two values are one, types, NaN and the sign of zero included."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    return type(one) is type(other) and one == other


@given(_VALUES)
@example({"a/b": {"~1": [math.nan, 10**4000]}, "": -math.inf, "exact": {"/value": 1}})
def test_any_value_comes_back_from_json(value: object):
    """The JSON is strict, so that every parser reads it, and nothing of the value is lost."""
    text = json.dumps(values.say(value), allow_nan=False)
    assert same(values.read(json.loads(text)), value)


@given(_VALUES, _VALUES)
def test_identity_tells_values_apart(one: object, other: object):
    """A param that is given again is known; 1, 1.0 and True are three values."""
    assert values.identity(values.say(one)) == values.identity(values.say(one))
    if values.identity(values.say(one)) == values.identity(values.say(other)):
        assert json.dumps(values.say(one), sort_keys=True) == json.dumps(values.say(other), sort_keys=True)
    assert len({values.identity(values.say(value)) for value in (1, 1.0, True, "1", None, math.nan, "nan")}) == 7


def test_an_int_that_python_writes_in_no_decimals_comes_back():
    """Beyond 4300 digits Python refuses; the digits are hexadecimal then."""
    huge = -(10**5000)
    assert values.read(json.loads(json.dumps(values.say({"seed": [huge]})))) == {"seed": [huge]}
    assert marks.decode(*marks.encode(huge, huge)) == (huge, huge)


def test_an_exact_value_that_is_nowhere_is_an_error():
    """A file that somebody edited by half is damaged, not guessed at."""
    with pytest.raises(ValueError, match="'/5'"):
        values.read({"value": [1], "exact": {"/5": "nan"}})


_SCALARS = st.booleans() | _INTS | _FLOATS


@given(_SCALARS, st.none() | _INTS | _FLOATS)
@example(-0.0, -0.0)
@example(2**53 + 1, 3.0)
@example(True, math.nan)
@example(sys.float_info.max, 2.0**70)
def test_any_point_comes_back_from_doubles_and_a_mark(value: object, step: object):
    """Every Python number is told by a double, or by a double and a mark."""
    number, place, mark = marks.encode(value, step)
    assert type(number) is float
    assert type(place) is float
    back, back_step = marks.decode(number, place, mark)
    assert same(back, value)
    assert same(back_step, step)


def test_usual_points_need_no_mark():
    """A column of text costs nothing where floats are logged at whole steps."""
    for step in (0, -7, 2**53, None, 0.5, math.inf):
        assert marks.encode(0.5, step)[2] == ""


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12), st.integers(0, 60), st.integers(0, 30))
def test_places_are_a_set_of_numbers(ranges: list[tuple[int, int]], start: int, count: int):
    """Ranges that touch and overlap in any order hold just what a set would."""
    held, wanted = Places(), set()
    for first, size in ranges:
        held.add(first, first + size)
        wanted |= set(range(first, first + size))
    assert len(held) == len(wanted)
    assert held.end == max(wanted, default=-1) + 1
    missing = [place for first, end in held.missing(start, start + count) for place in range(first, end)]
    assert missing == [place for place in range(start, start + count) if place not in wanted]
    everywhere = np.arange(80)
    assert held.mask(everywhere).tolist() == [place in wanted for place in range(80)]
    assert list(Places.of(np.array([*wanted, *wanted], np.int64))) == list(held)
    assert all(end < first for (_, end), (first, _) in itertools.pairwise(held))


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_600_000_000_123_456_789, "2020-09-13T12:26:40.123456789Z"),
        (10**30, None),
    ],
)
def test_times_are_written_to_the_nanosecond(time: int, text: str | None):
    """No float is on the way, and a time that no calendar has is told by its number alone."""
    assert iso(time) == text
