"""Hold a run's points to being there once each, exactly, whatever is given again and however it is cut."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackhub_local import csvfile, parquet
from trackhub_local.metrics import Metrics
from trackhub_local.rows import Rows

from trackhub.errors import Rejected
from trackhub.model.entities import Batch, MetricPoint
from trackhub.testing import Bench

FORMATS = {"parquet": (parquet, csvfile), "csv": (csvfile, parquet)}
_NAMES = st.sampled_from(["loss", "a,b", 'quote"', "line\nbreak", "cr\r", "", " blank ", "null", "NaN", "0", "é\0"])
_SCALARS = st.floats() | st.integers() | st.integers(-(2**70), 2**70) | st.booleans() | st.just(-(7**4000))
_STEPS = st.none() | st.integers(0, 9) | st.floats() | st.sampled_from([3.0, -0.0, 2**53 + 1, 2**80, -5])
_TIMES = st.integers(-(2**63) + 1, 2**63 - 1)
_POINTS = st.lists(st.builds(MetricPoint, _NAMES, _SCALARS, _STEPS, _TIMES), max_size=30).map(tuple)


def exactly(points: Any) -> list[tuple[Any, ...]]:
    """Return what points are, types and bits included."""
    return [(one.name, *_exact(one.value), *_exact(one.step), one.time) for one in points]


def _exact(number: Any) -> tuple[type, Any]:
    return type(number), repr(number) if isinstance(number, float) else number


def read(run: Any) -> list[tuple[Any, ...]]:
    return exactly(run.held())


def series(count: int, *, first: int = 0, name: str = "loss") -> tuple[MetricPoint, ...]:
    return tuple(MetricPoint(name, number / 7, number, 1000 + number) for number in range(first, first + count))


@given(_POINTS, st.integers(1, 12))
def test_any_points_come_back_exactly(bench: Bench, points: tuple[MetricPoint, ...], size: int):
    """Types, bits and nanoseconds are kept, in the journal's order; first from the tail, then from the file."""
    run = bench.begin()
    run.points(points, size=size)
    assert read(run) == exactly(points)
    run.end()
    assert read(run) == exactly(points)
    columns = {}
    for piece in bench.open().read_columns(run.ref):
        columns.setdefault(piece.name, []).extend(piece.time.tolist())
    assert columns == {name: [one.time for one in points if one.name == name] for name in {one.name for one in points}}


@given(st.data())
def test_any_order_of_batches_that_come_again(bench: Bench, data: st.DataObject):
    """Batches that come again whole, in pieces, from the beginning or from another process add nothing."""
    points = data.draw(_POINTS)
    run, given_up_to = bench.begin(), 0
    for _ in range(data.draw(st.integers(0, 12))):
        start = data.draw(st.integers(0, given_up_to))
        end = data.draw(st.integers(start, len(points)))
        what = data.draw(st.sampled_from(["here", "elsewhere", "end"]))
        if what == "elsewhere":
            run.elsewhere()
        elif what == "end":
            run.end()
        run.batch(points[start:end], start=start, redelivered=True)
        given_up_to = max(given_up_to, end)
        assert read(run) == exactly(points[:given_up_to])


def test_refused_points_leave_gaps_that_may_be_filled_later(bench: Bench, kind: str):
    """Places have gaps, and what comes again, also into a gap, lies in the journal's order."""
    points = series(12)
    run = bench.begin()
    run.batch(points[:3], start=0)
    run.batch(points[5:8], start=5)
    assert [note.kind for note in run.record().notes] == ["gap"]
    run.elsewhere()
    run.batch(points[:3], start=0, redelivered=True)
    run.batch(points[5:8], start=5, redelivered=True)
    run.end()
    assert read(run) == exactly(points[:3] + points[5:8])
    run.elsewhere()
    run.batch(points[3:6], start=3)
    assert read(run) == exactly(points[:8])
    run.batch(points[9:], start=9)
    run.end()
    assert read(run) == exactly(points[:8] + points[9:])
    assert run.record().metrics == {"loss": 11 / 7}


def test_a_gap_is_told(bench: Bench):
    """Points that were given before and are not here are said to be missing, when that is seen."""
    run = bench.begin()
    (note,) = run.calls.log_metrics(run.ref, series(2, first=4), Batch(start=4))
    assert (note.kind, note.subject) == ("gap", "4 points before place 4")


def test_a_point_that_cannot_be_written_costs_no_other(bench: Bench):
    """Nothing of a call that is refused is kept, so that the pieces of it may come again."""
    run = bench.begin()
    run.batch(series(2), start=0)
    late = MetricPoint("late", 0.5, 1, 2**63)
    for wrong in (late, msgspec.structs.replace(late, time=1, name="\ud800")):
        with pytest.raises(Rejected, match=r"late|surrogate"):
            run.batch((*series(2, first=2), wrong), start=2)
        assert read(run) == exactly(series(2))
    run.batch(series(3, first=3), start=3)
    run.batch(series(1, first=2), start=2)
    assert read(run) == exactly(series(6))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("seed", range(4))
def test_points_that_are_numbered_anew(bench: Bench, seed: int, size: int):
    """A store that lost its cursor, and reads its segments in another order, brings what is missing and no more."""
    chance = random.Random(seed)
    points = [*series(9), *series(6, name="acc"), *series(3), *series(2, first=20)]
    run = bench.begin()
    held = points[: chance.randrange(len(points))]
    run.points(held, size=4)
    if seed % 2:
        run.end()
    run.elsewhere()
    anew = list(points)
    chance.shuffle(anew)
    for start in range(0, len(anew), size):
        run.batch(tuple(anew[start : start + size]), start=start)
        run.batch(tuple(anew[start : start + size]), start=start, redelivered=True)
    assert Counter(read(run)) == Counter(exactly(points))
    assert read(run)[: len(held)] == exactly(held)


def test_equal_points_count_as_often_as_they_are_given_when_numbered_anew(bench: Bench):
    """What was found at its own place is not found again for its equal."""
    one, other = series(2)
    run = bench.begin()
    run.batch((one, other), start=0)
    run.elsewhere()
    for place, point in enumerate((one, one, other)):
        run.batch((point,), start=place)
    assert read(run) == exactly((one, other, one))


def test_the_last_values_are_those_of_the_newest_batch(bench: Bench):
    """Whether it is in the tail or in the file; a metric's last value is the journal's last."""
    run = bench.begin()
    run.batch((*series(500), *series(1, name="acc")), start=0)
    for number in range(3):
        run.batch(series(1, first=900 - number), start=501 + number)
        assert run.record().metrics == {"loss": (900 - number) / 7, "acc": 0.0}
        assert run.record().points == 502 + number
    run.end()
    assert run.record().metrics == {"loss": 898 / 7, "acc": 0.0}


def test_a_merged_tail_is_gone(bench: Bench, folder_of: Any):
    """What is in the file is nowhere else: the hidden folder does not grow with the run."""
    run = bench.begin()
    run.batch(series(1000), start=0)
    assert (folder_of(run) / ".trackhub/points").stat().st_size < 200
    other = bench.begin()
    other.calls.log_metrics(other.ref, series(1000), Batch(start=0))
    assert not (folder_of(other) / ".trackhub/points").exists()


def test_a_run_may_change_its_format(bench: Bench, base: Path, folder_of: Any, open_at: Any):
    """What was CSV becomes Parquet with the next merge, and the other way round; one file is left."""
    run = bench.begin()
    run.batch(series(5), start=0)
    run.end()
    for number, (kind, file) in enumerate([("csv", "metrics.csv"), ("parquet", "metrics.parquet")] * 2, 1):
        backend = open_at(f"local:{base}?metrics={kind}")
        backend.trackhub_log_metrics(run.ref, series(5, first=5 * number), Batch(start=5 * number))
        assert read(run) == exactly(series(5 * number + 5))
        backend.trackhub_close()
        assert [path.name for path in folder_of(run).glob("metrics*")] == [file]
    assert read(run) == exactly(series(25))


class Counting:
    """Count what a format writes."""

    def __init__(self, module: Any) -> None:
        self.NAME, self.read, self.summary, self.module = module.NAME, module.read, module.summary, module
        self.written: list[int] = []

    def write(self, path: Path, pieces: Any) -> None:
        self.module.write(path, pieces)
        self.written.append(path.stat().st_size)

    def grow(self, path: Path, rows: Rows) -> None:
        self.module.grow(path, rows)
        self.written.append(path.stat().st_size)


def written_for(folder: Path, kind: str, batches: int) -> tuple[int, int]:
    """Return how often and how many bytes are written for so many batches of 50 points."""
    (folder / ".trackhub").mkdir(parents=True)
    formats = [Counting(module) for module in FORMATS[kind]]
    metrics = Metrics(folder, formats, clock=lambda: 0.0)
    for start in range(0, 50 * batches, 50):
        metrics.append(series(50, first=start), Batch(start=start, position=str(start)))
    metrics.merge()
    return len(formats[0].written), sum(formats[0].written)


def test_appending_is_linear(tmp_path: Path, kind: str):
    """Eight times as many batches write eight times as many bytes, not sixty-four times; merges double."""
    few, bytes_of_few = written_for(tmp_path / "few", kind, 40)
    many, bytes_of_many = written_for(tmp_path / "many", kind, 320)
    assert many <= math.log2(320) + 2
    assert few <= many <= few + 4
    assert bytes_of_many < 8 * 1.6 * bytes_of_few


def test_a_merge_costs_a_twentieth_of_the_time(tmp_path: Path, kind: str):
    """While a run is slow the file is as fresh as a second; where merging is slow, it is rarer."""
    (tmp_path / ".trackhub").mkdir()
    now = [0.0]

    class Slow(Counting):
        def grow(self, path: Path, rows: Rows) -> None:
            now[0] += 0.5
            super().grow(path, rows)

    formats = [Slow(module) for module in FORMATS[kind]]
    metrics = Metrics(tmp_path, formats, clock=lambda: now[0])
    metrics.append(series(1000), Batch(start=0))
    for start in range(1000, 1200):
        now[0] += 0.25
        metrics.append(series(1, first=start), Batch(start=start))
    assert 3 <= len(formats[0].written) <= 50 / 10 + 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_million_points(bench: Bench):
    """A million points in batches of a thousand come back, every one."""
    run = bench.begin()
    for start in range(0, 1_000_000, 1000):
        run.batch(series(1000, first=start), start=start)
    run.end()
    found = list(bench.open().read_columns(run.ref))
    assert sum(len(piece.time) for piece in found) == 1_000_000
    assert [step for piece in found for step in piece.step.tolist()] == list(range(1_000_000))
