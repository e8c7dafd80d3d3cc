"""Append whole series at once, and read them back in every way there is."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.journals import WrittenRun

from trackhub.errors import StoreError
from trackhub.journal.bulk import append_columns
from trackhub.journal.columns import read_columns
from trackhub.journal.journal import JournalReader
from trackhub.journal.reader import SegmentReader
from trackhub.model.entities import MetricColumns
from trackhub.model.events import MetricsLogged

VALUES = st.one_of(
    st.lists(st.floats(), max_size=12),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12),
    st.lists(st.booleans(), max_size=12),
    st.lists(st.floats() | st.booleans() | st.integers(-(2**80), 2**80), max_size=12),
)
STEPS = st.one_of(
    st.none(), st.integers(-5, 2**63 - 1), st.integers(2**63, 2**70), st.floats(allow_nan=False, allow_infinity=False)
)

PLACES = st.lists(st.tuples(STEPS, st.integers(0, 30)), max_size=12)


def columns(name, values, steps, times) -> MetricColumns:
    kinds = {type(value) for value in values}
    exact = {float: np.float64, int: np.int64, bool: np.bool_}[kinds.pop()] if len(kinds) == 1 else object
    if exact is np.int64 and any(not -(2**63) <= value < 2**63 for value in values):
        exact = object
    value = np.empty(len(values), exact)
    value[:] = values
    step = np.empty(len(values), object)
    step[:] = steps
    if all(type(one) is int and one < 2**63 for one in steps):
        step = step.astype(np.int64)
    elif all(one is None or (abs(one) < 2**53 if type(one) is int else not one.is_integer()) for one in steps):
        step = np.array([math.nan if one is None else one for one in steps], np.float64)
    return MetricColumns(name=name, step=step, value=value, time=np.array(times, np.int64))


def rows(run: WrittenRun) -> list[tuple[str, object, object, int]]:
    """Return every point in the journal's order, as the events say."""
    return [
        (name, repr(value), repr(placed.event.step), placed.event.time)
        for placed in JournalReader(run.folder).events()
        if isinstance(placed.event, MetricsLogged)
        for name, value in placed.event.metrics.items()
    ]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_series_comes_back(data):
    """Each point is there once, exact, and each series in its own order, whatever the others are."""
    with tempfile.TemporaryDirectory() as folder:
        run = WrittenRun(Path(folder))
        given_rows = {}
        series = []
        shared = data.draw(PLACES)
        for name in "abc":
            values = data.draw(VALUES)
            beside = (
                shared
                if data.draw(st.booleans())
                else data.draw(st.lists(st.tuples(STEPS, st.integers(0, 30)), max_size=12))
            )
            length = min(len(values), len(beside))
            steps, times = [one for one, _ in beside[:length]], [one for _, one in beside[:length]]
            series.append(columns(name, values[:length], steps, times))
            given_rows[name] = [
                (name, repr(value), repr(step), time) for value, step, time in zip(values, steps, times, strict=False)
            ]
        count = append_columns(run.writer, series)
        assert count == sum(map(len, given_rows.values()))
        held = rows(run)
        for name, wanted in given_rows.items():
            assert [row for row in held if row[0] == name] == wanted


def test_metrics_that_share_steps_and_times_share_rows():
    """Five metrics of one call are one row of the journal again, as they would be had they been logged here."""
    with tempfile.TemporaryDirectory() as folder:
        run = WrittenRun(Path(folder))
        step, time = np.arange(1000), np.arange(1000) * 1_000_000
        names = [f"m{number}" for number in range(5)]
        append_columns(
            run.writer,
            [
                MetricColumns(name=name, step=step, value=np.random.default_rng(0).random(1000), time=time)
                for name in names
            ],
        )
        events = [placed.event for placed in JournalReader(run.folder).events()][1:]
        assert len(events) == 1000
        assert all(list(event.metrics) == names for event in events)


def test_rows_go_in_order_of_time():
    """Series of different steps are woven into one order of time, so that a lane delivers them as they were logged."""
    with tempfile.TemporaryDirectory() as folder:
        run = WrittenRun(Path(folder))
        train = MetricColumns(name="train", step=np.arange(90), value=np.zeros(90), time=np.arange(90) * 10)
        test = MetricColumns(name="test", step=np.arange(9), value=np.zeros(9), time=np.arange(9) * 100 + 5)
        append_columns(run.writer, [train, test])
        times = [time for *_, time in rows(run)]
        assert times == sorted(times)
        assert len(times) == 99


def test_a_large_series_is_read_at_once():
    """Rows that were appended together verify and decode as any others, over many writes."""
    with tempfile.TemporaryDirectory() as folder:
        run = WrittenRun(Path(folder))
        value = np.random.default_rng(1).random(200_000)
        step, time = np.arange(len(value)), np.arange(len(value)) + 10**18
        append_columns(run.writer, [MetricColumns(name="loss", step=step, value=value, time=time)])
        run.end()
        held = read_columns(run.folder)["loss"]
        for ours, theirs in ((held.step, step), (held.value, value), (held.time, time)):
            np.testing.assert_array_equal(ours, theirs)
        [path] = run.folder.segments()
        reader = SegmentReader(path)
        assert sum(1 for _ in reader.records()) == len(value) + 2
        assert not reader.damage


def test_a_full_disk_leaves_whole_rows(monkeypatch):
    """What fits stays, the rest is said not to be there, and the journal goes on behind it."""
    with tempfile.TemporaryDirectory() as folder:
        run = WrittenRun(Path(folder))
        write = __import__("os").write
        calls = []

        def short(fd, data):
            calls.append(len(data))
            return write(fd, data if len(calls) < 3 else data[: len(data) // 2])

        monkeypatch.setattr("trackhub.journal.writer.os.write", short)
        many = np.arange(100_000)
        with pytest.raises(StoreError, match="No space left"):
            append_columns(run.writer, [MetricColumns(name="x", step=many, value=many / 3, time=many)])
        monkeypatch.undo()
        run.end()
        held = rows(run)
        assert 0 < len(held) < 100_000
        assert [step for _, _, step, _ in held] == [str(step) for step in range(len(held))]
        [path] = run.folder.segments()
        reader = SegmentReader(path)
        assert sum(1 for _ in reader.records()) == len(held) + 2
        assert not reader.damage
