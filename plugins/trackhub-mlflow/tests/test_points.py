"""Hold the mapping of points to its promise, against the rule by which MLflow keeps rows."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.logged import START
from support.oracle import identity
from trackhub_mlflow.names import unescape
from trackhub_mlflow.plan import plan
from trackhub_mlflow.points import LARGEST, Kinds, Row, kind_of, point_of, restore, row_of
from trackhub_mlflow.tail import TAIL, Tail

from trackhub.model.entities import MetricPoint

VALUES = st.one_of(
    st.sampled_from([0, 1, 0.0, -0.0, 1.0, True, False, math.inf, -math.inf, math.nan, LARGEST, -LARGEST]),
    st.sampled_from([2**53 + 1, -(2**63), 2**64, 10**400, -(10**400)]),
    st.floats(),
    st.integers(),
)
STEPS = st.one_of(
    st.none(),
    st.sampled_from([0, 1, 1.0, 0.5, -1, 2**63, -(2**63), 1e300]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
POINTS = st.builds(
    lambda name, value, step, ms: MetricPoint(name, value, step, START + ms * 1_000_000),
    st.sampled_from(["a", "b#", ""]),
    VALUES,
    STEPS,
    st.integers(0, 3),
)


class Rows:
    """Keep rows and tags as MLflow does: equal rows are one, tags come after them."""

    def __init__(self) -> None:
        self.rows: dict[Any, Row] = {}
        self.tags: dict[str, str] = {"trackhub.run_id": "1"}
        self.beside: dict[int, Any] = {}
        self.tail = Tail({})
        self.kinds = Kinds({}, 8000)

    def restart(self) -> None:
        """Know no more than what the run's tags say."""
        self.tail = Tail(self.tags)
        self.kinds = Kinds(self.tags, 8000, {row.key for row in self.rows.values()})

    def give(
        self, points: tuple[MetricPoint, ...], start: int, *, lost: bool = False, redelivered: bool = False
    ) -> None:
        """Send a batch as the backend does; what is lost is the answer."""
        if redelivered:
            self.tail.reread(self.tags)
        made = plan(points, start, self.kinds, self.tail)
        tags = {TAIL: self.tail.text(made.rows, start, f"at {start}")}
        if not self.tail.has_all(made.rows, start):
            self.tags |= self.kinds.unsaved
            self.kinds.unsaved.clear()
            for index, exception in made.exceptions.items():
                self.beside.setdefault(index, exception)
            for row in made.sent:
                self.rows.setdefault(row.identity, row)
            self.tags |= tags
            if lost:
                return
            self.tail.reread(tags)
        self.tail.add(made.marks, start)

    def read(self) -> list[MetricPoint]:
        names = {row.key: unescape(row.key) for row in self.rows.values()}
        rows = [Row(*row) for row in self.rows.values()]
        return list(restore(rows, list(self.beside.values()), names, Kinds(self.tags, 8000)))


class Clock:
    """Go on, as a writer's clock does; often not by a millisecond."""

    def __init__(self) -> None:
        self.now = START

    def tick(self, drawn: int) -> int:
        self.now += 1_000_000 if drawn >= START + 3_000_000 else 1
        return self.now


FATES = st.sampled_from(
    ["ok", "ok", "again", "lost", "killed", "killed after", "in pieces", "in pieces, killed between"]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.lists(POINTS, min_size=1, max_size=12), FATES), max_size=6))
@example([([MetricPoint("a", 1.0, 1, START)] * 3, "ok"), ([MetricPoint("a", 1.0, 1, START)] * 2, "killed after")])
@example([([MetricPoint("a", float(number // 2), 1, START) for number in range(9)], "in pieces, killed between")] * 2)
@example([([MetricPoint("a", math.inf, 1, START), MetricPoint("a", LARGEST, 1, START)], "ok")])
def test_every_point_is_read_back_once_whatever_happens(batches: list[tuple[list[MetricPoint], str]]):
    """Counts, values, types, steps and times survive repeats, lost answers and kills of the delivery process."""
    store, clock = Rows(), Clock()
    logged: list[MetricPoint] = []
    for some, fate in batches:
        points, start = (
            tuple(msgspec.structs.replace(point, time=clock.tick(point.time)) for point in some),
            len(logged),
        )
        if fate == "killed":
            store.restart()
        store.give(points, start, lost=fate == "lost")
        if fate == "killed after":
            store.restart()
        if fate in ("again", "lost", "killed after"):
            store.give(points, start, redelivered=True)
        if fate.startswith("in pieces"):
            for first in range(0, len(points), 3):
                store.give(points[first : first + 3], start + first, redelivered=True)
                if fate.endswith("between"):
                    store.restart()
                    store.give(points, start, redelivered=True)
        logged += points
    assert sorted(map(str, map(identity, store.read()))) == sorted(map(str, map(identity, logged)))


def test_a_batch_given_again_sends_nothing():
    """A batch that MLflow has, whole, is known by its tag; a replay would cost ten times an insert."""
    store = Rows()
    points = (MetricPoint("a", 1.0, 1, START), MetricPoint("a", 2.0, 1, START))
    store.give(points, 0)
    store.restart()
    made = plan(points, 0, store.kinds, store.tail)
    assert store.tail.has_all(made.rows, 0)
    other = plan(points[::-1], 0, store.kinds, store.tail)
    assert not store.tail.has_all(other.rows, 0)


@pytest.mark.parametrize(
    ("value", "step", "row"),
    [
        (0.5, 3, (0.5, 3)),
        (7, 3, (7.0, 3)),
        (True, 3, (1.0, 3)),
        (math.inf, 3, (LARGEST, 3)),
        (-math.inf, 3, (-LARGEST, 3)),
        (10**400, 3, (LARGEST, 3)),
        (0.5, None, (0.5, 42)),
        (0.5, 2.9, (0.5, 2)),
        (0.5, -0.1, (0.5, -1)),
        (0.5, 2**70, (0.5, 2**63 - 1)),
        (0.5, -(2**70), (0.5, -(2**63))),
    ],
)
def test_a_row_is_what_the_readme_says(value: Any, step: Any, row: tuple[float, int]):
    """A missing step is the point's place in the run, a fractional one its floor, infinity the largest double."""
    made = row_of("a", MetricPoint("a", value, step, START), 42)
    assert (made.value, made.step) == row
    assert made.time == START // 1_000_000


def test_a_usual_point_needs_nothing_beside():
    """A series of one kind is said once, in a tag; its points cost nothing more."""
    kinds, tail = Kinds({}, 8000), Tail({})
    points = tuple(
        MetricPoint(name, value, step, START + place * 10**6)
        for place in range(9)
        for name, value, step in [
            ("loss", 0.5, place),
            ("epoch", place, place),
            ("free", 0.5, None),
            ("inf", math.inf, place),
        ]
    )
    made = plan(points, 0, kinds, tail)
    assert made.exceptions == {}
    assert kinds.unsaved == {"mlflow.trackhub.series.0": '{"epoch":"int int","free":"float none"}'}
    assert sorted({note.kind for note in made.notes}) == ["escaped", "placed"]


def test_kinds_fill_as_many_tags_as_they_need():
    """Tags stay within their length, and all of them are read again."""
    kinds = Kinds({}, 200)
    for number in range(40):
        kinds.learn(f"metric-{number}", "int none")
    assert len(kinds.unsaved) > 1
    assert max(map(len, kinds.unsaved.values())) <= 200
    again = Kinds(kinds.unsaved, 200)
    assert {again.of(f"metric-{number}") for number in range(40)} == {"int none"}
    again.learn("one more", "bool int")
    assert len(again.unsaved) == 1


def test_a_kind_reads_its_rows():
    """What a series' first point was tells how its rows read."""
    for value, step in [(1, 2), (True, None), (0.5, 1.0), (math.inf, 3)]:
        point = MetricPoint("a", value, step, START)
        assert identity(point_of("a", row_of("a", point, 9), kind_of(point))) == identity(point)


def test_an_integer_of_any_size_is_kept_beside():
    """More digits than Python writes in decimal come back exactly."""
    store = Rows()
    store.give((MetricPoint("a", 10**5000, 1, START),), 0)
    assert store.read() == [MetricPoint("a", 10**5000, 1, START // 10**6 * 10**6)]


def test_rows_of_one_millisecond_are_known_over_many_batches():
    """A tight loop logs the same number again and again; each is counted, and the tag stays within its length."""
    store = Rows()
    points = [MetricPoint(f"a{number % 1500}", 1.0, 1, START) for number in range(3000)]
    for start in range(0, 3000, 500):
        store.give(tuple(points[start : start + 500]), start)
        assert len(store.tags[TAIL]) <= 8000
    assert len(list(store.read())) == 3000


def test_a_position_of_very_many_writers_is_left_out():
    """It would not fit a tag, which MLflow would refuse with all the points; without a new one the last stays."""
    tail, row = Tail({}), Row("a", 1.0, 5, 1)
    rows = [row._replace(step=step) for step in range(900)]
    long = "x" * 3900
    tail.reread({TAIL: tail.text(rows, 0, long)})
    assert tail.position == long
    assert len(tail.text(rows, 0, None)) <= 8000
    assert tail.text(rows, 0, None).endswith(f" {long}")
    assert tail.text(rows, 0, "x" * 8000).endswith(" ")
