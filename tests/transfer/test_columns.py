"""Points as columns, and the points that a journal lacks of a series."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.journal.columns import Column
from trackhub.model.entities import MetricColumns, MetricPoint
from trackhub.model.identity import identity_of
from trackhub.transfer.columns import columns_of, lacking

VALUES = st.floats() | st.booleans() | st.integers(-(2**70), 2**70)
STEPS = st.none() | st.integers(-3, 3) | st.integers(2**60, 2**70) | st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.lists(st.builds(MetricPoint, st.sampled_from("ab"), VALUES, STEPS, st.integers(0, 9)), max_size=12)


def exact(point: MetricPoint) -> tuple:
    return point.name, repr(point.value), repr(point.step), point.time


@given(POINTS)
def test_columns_hold_every_point_exactly(points):
    """Whatever values and steps a series mixes, it comes back with its types, in its order."""
    found = {columns.name: [exact(point) for point in columns.points()] for columns in columns_of(points)}
    for name in "ab":
        assert found.get(name, []) == [exact(point) for point in points if point.name == name]


def series(points) -> MetricColumns:
    empty = MetricColumns(name="a", step=np.array([]), value=np.array([]), time=np.array([], np.int64))
    [columns] = list(columns_of(points)) or [empty]
    return columns


@given(st.lists(st.builds(MetricPoint, st.just("a"), VALUES, STEPS, st.integers(0, 9)), max_size=12), st.data())
def test_what_is_lacking_is_what_is_not_held(points, data):
    """Of any part that is held, in any order, the rest is what is lacking, each point as often as it is missing."""
    held = data.draw(st.permutations(points))[: data.draw(st.integers(0, len(points)))]
    have = series(held)
    rest = lacking(series(points), Column(have.step, have.time, have.value) if held else None)
    counted = Counter(map(identity_of, held)) + Counter(map(identity_of, rest.points()))
    assert counted == Counter(map(identity_of, points))


@pytest.mark.parametrize("count", [0, 1, 7, 10])
def test_a_beginning_that_is_held_leaves_the_rest_in_order(count):
    """The usual case: the journal has the first so many points."""
    told = MetricColumns(name="a", step=np.arange(10), value=np.arange(10) / 3, time=np.arange(10) * 10)
    held = Column(told.step[:count], told.time[:count], told.value[:count])
    rest = lacking(told, held)
    assert rest.step.tolist() == list(range(count, 10))
