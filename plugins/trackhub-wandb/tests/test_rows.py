"""Hold rows to giving back the points that they were made of, whatever a server does to them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.logged import point
from support.oracle import identity
from trackhub_wandb.rows import EXACT, POINTS, POSITION, STEP, Row, in_order, points_of, rows_of

from trackhub.model.entities import MetricPoint

NUMBERS = st.one_of(st.floats(), st.integers(), st.booleans(), st.integers(-(10**400), 10**400))
STEPS = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.integers(-3, 3))
NAMES = st.one_of(st.sampled_from(["loss", "acc", "_step", "trackhub/step", ""]), st.text(max_size=260))
POINTS_GIVEN = st.lists(
    st.builds(MetricPoint, NAMES, NUMBERS, STEPS, st.integers(0, 4 * 10**12).map(lambda us: us * 1000)), max_size=30
)


def sent(row: Row) -> Row:
    """Return a row as it is on the wire: JSON, in which Go writes 3.0 as 3."""
    plain = {key: int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
             for key, value in row.items()}  # fmt: skip
    return dict(reversed(json.loads(json.dumps(plain)).items()))


def spoilt(row: Row) -> Row:
    """Return a row as a server may give it back that keeps columns of doubles, without NaN and infinity."""
    found: dict[str, Any] = {}
    for key, value in sent(row).items():
        if isinstance(value, float) and not math.isfinite(value):
            continue
        found[key] = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return found


@pytest.mark.parametrize("carried", [sent, spoilt])
@given(points=POINTS_GIVEN, start=st.integers(0, 10**9))
def test_any_points_come_back(carried: Any, points: list[MetricPoint], start: int):
    """Names, values, types, steps and microseconds, in the order of each series."""
    rows = [carried(row) for row in rows_of(points, start, None)]
    found = [one for row in rows for one in points_of(row)]
    for name in {one.name for one in points}:
        assert [identity(one, 1000) for one in found if one.name == name] == [
            identity(one, 1000) for one in points if one.name == name
        ]
    assert len(found) == len(points)


@given(points=POINTS_GIVEN, cut=st.integers(0, 30))
def test_a_row_says_how_many_points_are_there(points: list[MetricPoint], cut: int):
    """So that a batch of which some rows arrived goes on behind them, whatever way it is cut."""
    first = list(rows_of(points[:cut], 5, "first"))
    then = list(rows_of(points[cut:], 5 + min(cut, len(points)), "then"))
    ends = [row[POINTS] for row in (*first, *then)]
    assert ends == sorted(set(ends))
    assert ends[-1:] == ([5 + len(points)] if points else [])
    for some, position in ((first, "first"), (then, "then")):
        assert [row.get(POSITION) for row in some] == [None] * (len(some) - 1) + [position] * bool(some)


def test_what_was_logged_at_once_shares_a_row():
    """One time, one step, each name once: a second value of a name begins another."""
    points = [point("a", 0.5, 1), point("b", 1.5, 1), point("a", 2.5, 1), point("b", 1.0, 2), point("b", 1.0, 2.0)]
    rows = list(rows_of(points, 0, None))
    assert [{key for key in row if "/" not in key and key[0] != "_"} for row in rows] == [
        {"a", "b"}, {"a"}, {"b"}, {"b"},
    ]  # fmt: skip


def test_an_ordinary_row_is_plain():
    """What W&B's pages and exports show is what was logged, with three columns of ours."""
    (row,) = rows_of([point("loss", 0.25, 7), point("val/acc", 0.5, 7)], 10, "here")
    assert row == {
        "loss": 0.25,
        "val/acc": 0.5,
        STEP: 7,
        POINTS: 12,
        POSITION: "here",
        "_timestamp": 1_790_000_000.123456,
    }


def test_what_json_does_not_say_is_told_in_words():
    """Integers, flags, NaN, and steps that are missing or no integers; the chart gets the nearest number."""
    points = [
        point("n", 3, None),
        point("big", 2**60 + 1, None),
        point("flag", True, None),
        point("nan", math.nan, None),
    ]
    (row,) = rows_of(points, 4, None)
    assert json.loads(row[EXACT]) == {"n": "i", "big": hex(2**60 + 1), "flag": "true", "nan": "nan", "": "none"}
    assert (row["n"], row["big"], row["flag"], row[STEP]) == (3, float(2**60), True, 8)
    (row,) = rows_of([point("a", 0.5, 2.5)], 0, None)
    assert (row[STEP], row[EXACT]) == (2.5, '{"":"2.5"}')


def test_rows_are_told_once_and_in_their_order():
    """A server may keep what was sent again, and give rows in any order."""
    rows = [{"_step": 2, "a": 1}, {"_step": 0, "a": 2}, {"_step": 2, "a": 1}, {"_step": 1.0, "a": 3}]
    assert [row["a"] for row in in_order(rows)] == [2, 3, 1]


def test_rows_of_others_are_read_as_what_they_are():
    """Numbers are points, W&B's step is theirs; texts and pictures are left out."""
    row = {"_step": 3, "_runtime": 1.0, "_timestamp": 2.5, "loss": 0.5, "n": 3, "text": "x", "image": {"_type": "file"}}
    assert list(points_of(row)) == [
        MetricPoint("loss", 0.5, 3, 2_500_000_000),
        MetricPoint("n", 3, 3, 2_500_000_000),
    ]
