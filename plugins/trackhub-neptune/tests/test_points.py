"""Hold the mapping of points to its promises: steps that increase, and nothing that does not come back."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackhub_neptune.names import key_of
from trackhub_neptune.points import Entry, Mark, entry_of, kind_of, point_of, restored, row_of, says
from trackhub_neptune.service import Row
from trackhub_neptune.steps import LARGEST, MILLION, after, fit, float_of, told

from trackhub.model.entities import MetricPoint

STEPS = st.one_of(
    st.none(),
    st.integers(-5, 40),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-10, 50),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(10**12 - 5, 10**12 + 5),
)
VALUES = st.one_of(st.floats(), st.booleans(), st.integers(), st.integers(2**53 - 2, 2**70), st.just(2**5000))
TIMES = st.integers(0, 10**19)


def shown(point: MetricPoint) -> tuple[Any, ...]:
    value, step = point.value, point.step
    told = "nan" if type(value) is float and math.isnan(value) else value + 0 if type(value) is float else value
    return (point.name, type(value), told, type(step), step, point.time // 10**6)


@given(st.lists(st.tuples(VALUES, STEPS, TIMES), max_size=30))
def test_any_series_comes_back_in_its_order(drawn: list[tuple[Any, Any, int]]):
    """Rows have steps that increase and times that never go back; with the entries they are the points again."""
    points = [MetricPoint("loss", value, step, time) for value, step, time in drawn]
    key, kind = key_of("metrics/loss"), kind_of(points[0]) if points else ""
    rows: list[Row] = []
    entries: list[Entry] = []
    before: Mark | None = None
    for point in points:
        row = row_of(point, before)
        if row is None or not says(row, kind, point):
            entries.append(entry_of(key, point, row, before))
        if row is not None:
            rows.append(row)
            before = Mark(row.step, row.ms)
    for one, other in itertools.pairwise(rows):
        assert one.step < other.step
        assert one.ms <= other.ms
    for row in rows:
        assert 0 <= row.step <= LARGEST
        assert told(float_of(row.step)) == row.step
        assert math.isfinite(row.value)
    kept = [Entry.of(entry.text()) for entry in entries]
    found = list(restored({key: ("loss", kind, rows)}, kept, lambda text: text))
    assert [shown(point) for point in found] == [shown(point) for point in points]


@given(st.one_of(st.none(), st.integers(0, LARGEST)), STEPS)
def test_a_step_is_larger_than_the_one_before(before: int | None, step: Any):
    """Or there is none left; and a reader's double tells which it is."""
    if before is not None:
        before = told(float_of(before))
    found = fit(step, before)
    if found is None:
        assert before is not None
        assert before > LARGEST - 200
    else:
        assert before is None or found > before
        assert told(float_of(found)) == found


def test_steps_of_usual_series_are_the_users():
    """Whole steps that increase are Neptune's own; a repeated one follows by a millionth, a missing one by one."""
    assert [fit(step, step * MILLION - 1) for step in (1, 5, 10**11)] == [MILLION, 5 * MILLION, 10**11 * MILLION]
    assert fit(7, 7 * MILLION) == 7 * MILLION + 1
    assert fit(3, 7 * MILLION) == 7 * MILLION + 1
    assert fit(None, 7 * MILLION + 1) == 8 * MILLION
    assert after(LARGEST) is None


def test_a_point_without_a_row_stands_behind_the_row_before_it():
    """NaN and infinity are no gap in the series that comes back, and keep their place in it."""
    key = key_of("metrics/loss")
    entries = [
        Entry(key, None, has_row=False, value="nan", user_step="0x0", ms=1),
        Entry(key, MILLION, has_row=False, value="inf", user_step="", ms=3),
    ]
    rows = [Row(MILLION, 2, 0.5), Row(2 * MILLION, 4, 0.25)]
    found = list(restored({key: ("loss", "float int", rows)}, entries, lambda text: text))
    assert [str(point.value) for point in found] == ["nan", "0.5", "inf", "0.25"]
    assert [point.step for point in found] == [0, 1, None, 2]


@pytest.mark.parametrize(
    ("kind", "value", "step"), [("int int", 3, 7), ("bool none", True, None), ("float float", 0.5, 0.25)]
)
def test_a_kind_says_what_a_row_is(kind: str, value: Any, step: Any):
    """A series of ints, of flags, or with fractional steps needs no entry."""
    point = MetricPoint("m", value, step, 5_000_000)
    row = row_of(point, None)
    assert row is not None
    assert says(row, kind, point)
    assert point_of("m", row, kind) == point
