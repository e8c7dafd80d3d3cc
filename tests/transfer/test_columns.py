"""Points as columns, and the points that a journal lacks of a series."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.journal.columns import Column
from trackhub.model.entities import MetricColumns, MetricPoint
from trackhub.model.identity import NS_PER_MS, identity_of
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


TIMES = st.integers(0, 4 * NS_PER_MS)


@given(st.lists(st.builds(MetricPoint, st.just("a"), st.integers(0, 1), st.none(), TIMES), max_size=12), st.data())
def test_what_a_vendor_told_in_milliseconds_is_held(points, data):
    """Either side may have whole milliseconds only; a point is lacking as often as it is, and no oftener."""
    held = data.draw(st.permutations(points))[: data.draw(st.integers(0, len(points)))]
    fine, coarse = series(points), series(held)
    coarse.time[:] -= coarse.time % NS_PER_MS
    rest = lacking(fine, Column(coarse.step, coarse.time, coarse.value) if held else None)
    assert len(rest.time) == len(points) - len(held)
    whole = series(points)
    whole.time[:] -= whole.time % NS_PER_MS
    exact = series(held)
    rest = lacking(whole, Column(exact.step, exact.time, exact.value) if held else None)
    assert len(rest.time) == len(points) - len(held)


def test_two_points_in_one_millisecond_are_two():
    """Where both sides know the finer time, it tells them apart."""
    held = MetricColumns(name="a", step=np.array([1]), value=np.array([0.5]), time=np.array([1_000_001]))
    told = MetricColumns(name="a", step=np.array([1]), value=np.array([0.5]), time=np.array([1_000_002]))
    assert len(lacking(told, Column(held.step, held.time, held.value)).time) == 1


@pytest.mark.parametrize("count", [0, 1, 7, 10])
def test_a_beginning_that_is_held_leaves_the_rest_in_order(count):
    """The usual case: the journal has the first so many points."""
    told = MetricColumns(name="a", step=np.arange(10), value=np.arange(10) / 3, time=np.arange(10) * 10)
    held = Column(told.step[:count], told.time[:count], told.value[:count])
    rest = lacking(told, held)
    assert rest.step.tolist() == list(range(count, 10))
