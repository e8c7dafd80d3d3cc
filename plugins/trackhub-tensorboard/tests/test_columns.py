"""Check that points come out of a record as they went in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from trackhub_tensorboard.columns import columns_from, columns_of, joined, points_of, series_of

from trackhub.model.entities import MetricPoint

STEPS = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from([3, 3.0, 2**63 - 1, -(2**63), 2**63, 2**53 + 1])
)
VALUES = st.floats() | st.integers() | st.booleans() | st.sampled_from([2**63, -(2**63), 5e-324])
POINTS = st.lists(
    st.builds(MetricPoint, st.text(max_size=2), VALUES, STEPS, st.integers(-(2**63), 2**63 - 1)), max_size=30
)


def again(points, start=0):
    made = columns_of(points)
    header = {"names": made.names, "odd": made.odd, "count": len(points)}
    return start, columns_from(header, made.bodies())


def same(one, other):
    return [repr(point) for point in one] == [repr(point) for point in other]


@given(POINTS)
def test_points_come_back(points):
    """Every type of step and value, exactly."""
    assert same(points_of(joined([again(points)])), points)


@given(POINTS, st.randoms())
def test_parts_come_back_in_the_order_of_their_places(points, random):
    """Whatever the order of the files, and however often a place was written."""
    cuts = sorted(random.randrange(len(points) + 1) for _ in range(4))
    bounds = [0, *cuts, len(points)]
    parts = [again(points[one:other], one) for one, other in pairwise(bounds)]
    parts += random.sample(parts, 2)
    random.shuffle(parts)
    assert same(points_of(joined(parts)), points)


@given(POINTS)
def test_series_are_the_points(points):
    """Columns hold what the points hold, each series in its order."""
    read = [point for series in series_of(joined([again(points)])) for point in series.points()]
    names = list(dict.fromkeys(point.name for point in points))
    assert same(read, [point for name in names for point in points if point.name == name])


@given(POINTS, st.integers(0, 30))
def test_a_part_of_a_record_is_its_first_points(points, count):
    """Of a record whose events are not all there, as many points count as are."""
    made = columns_of(points)
    held = columns_from({"names": made.names, "odd": made.odd, "count": min(count, len(points))}, made.bodies())
    assert same(points_of(held), points[:count])
