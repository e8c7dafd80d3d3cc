"""Turn points into rows and back: any point, through a server that keeps what it is given, and one that does not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from comet_server.answers import java_text
from hypothesis import given
from hypothesis import strategies as st
from support.oracle import identity
from trackhub_comet.points import (
    BESIDE,
    Row,
    exact_back,
    exact_of,
    foreign_point,
    kind_of,
    place_of,
    point_back,
    row_of,
    value_back,
)

from trackhub.model.entities import MetricPoint

_MS = 1_000_000
values = st.one_of(st.floats(), st.integers(), st.booleans(), st.integers(-(2**55), 2**55))
steps = st.one_of(st.none(), st.integers(), st.floats(), st.integers(-100, 100), st.integers(-100, 100).map(float))
points = st.builds(MetricPoint, st.text(max_size=130), values, steps, st.integers(-(10**18), 10**19))


def told(row: Row, *, worst: bool) -> dict[str, Any]:
    """Return a row as Comet tells it back: as it was, or as doubles and with a zero for a step that is missing."""
    if worst:
        value = row.value if isinstance(row.value, str) else java_text(float(row.value))
        step = row.step or 0
    else:
        value, step = row.value if isinstance(row.value, str) else repr(row.value), row.step
    return {"metricName": row.name, "metricValue": value, "step": step, "epoch": row.epoch, "timestamp": row.time}


@given(points, st.integers(0, 10**12), st.booleans())
def test_a_row_tells_its_point_or_says_that_it_does_not(point: MetricPoint, place: int, worst: bool):
    """Whatever the numbers: the point comes back as it was, or the row says that it is kept beside."""
    row = row_of(point, place)
    found = place_of(row.epoch)
    assert found is not None
    assert found[0] == place
    if found[1] != BESIDE:
        back = point_back(point.name, told(row, worst=worst), found[1])
        assert identity(back) == identity(point)
    assert row.step is None or -(2**63) <= row.step < 2**63
    assert isinstance(row.value, str) or math.isfinite(row.value)


@given(points, st.integers(0, 10**12))
def test_what_is_kept_beside_is_exact(point: MetricPoint, place: int):
    """Every digit of every number, to the millisecond."""
    back_place, back = exact_back(exact_of(point, place))
    assert back_place == place
    assert identity(back)[:3] == identity(point)[:3]
    same = back.step == point.step or (back.step != back.step and point.step != point.step)
    assert same
    assert type(back.step) is type(point.step)
    assert back.time == point.time // _MS * _MS


@pytest.mark.parametrize(
    ("value", "step", "kind"),
    [
        (0.5, 1, 0),
        (0.5, None, 1),
        (0.5, 2.0, 2),
        (3, 1, 3),
        (3, None, 4),
        (3, 2.0, 5),
        (True, 1, 6),
        (False, None, 7),
        (True, 2.0, 8),
        (0.5, 0.25, 9),
        (2**53 + 1, 1, 9),
        (0.5, 2**53 + 1, 9),
        (0.5, math.nan, 9),
        (10**400, 1, 9),
        (math.nan, 1, 0),
        (math.inf, None, 1),
    ],
)
def test_the_kinds(value: Any, step: Any, kind: int):
    """The table of the README."""
    assert kind_of(MetricPoint("x", value, step, 0)) == kind


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (0.5, 0.5),
        (True, 1),
        (2**53, 2**53),
        (2**60 + 1, 2.0**60),
        (10**400, "Infinity"),
        (-(10**400), "-Infinity"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_what_is_sent_of_a_value(value: Any, sent: Any):
    """What JSON lacks goes as a word, as the SDK itself sends it; what no double holds, as the nearest."""
    row = row_of(MetricPoint("x", value, 1, 0), 0)
    assert (type(row.value), row.value) == (type(sent), sent)


@given(st.floats(allow_nan=False))
def test_doubles_of_java_are_read(value: float):
    """A value that Comet tells as Java writes it is the same, bit for bit."""
    assert value_back(java_text(value)) == value


def test_points_of_other_clients():
    """A context is part of the name; a metric that is no number is none."""
    row = {"metricName": "loss", "metricValue": "0.5", "step": 3, "epoch": 1, "timestamp": 7, "runContext": "train"}
    assert foreign_point(row) == MetricPoint("train_loss", 0.5, 3, 7 * _MS)
    assert foreign_point({**row, "metricValue": "a word"}) is None
