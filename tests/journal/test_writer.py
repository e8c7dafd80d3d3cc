"""Rows and events as they are written, and what is refused."""

from __future__ import annotations

import decimal
import enum
import fractions
import math
import os
import stat
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackhub.errors import RunFinished, StoreError
from trackhub.journal.reader import SegmentReader
from trackhub.journal.segment import EVENT, LARGEST, LAYOUT
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import MetricsLogged, ParamsLogged, TagsSet, UnknownEvent

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
SCALARS = st.floats() | st.integers() | st.booleans() | st.integers(-(2**200), 2**200)
STEPS = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(st.tuples(st.dictionaries(TEXT, SCALARS, min_size=1, max_size=6), STEPS), max_size=12)


def same(left, right) -> bool:
    """Say whether two scalars are the same in type and value; NaN is the same as NaN."""
    return type(left) is type(right) and repr(left) == repr(right)


def assert_rows(events, rows) -> None:
    """Assert that events are these rows, with types and order kept."""
    assert len(events) == len(rows)
    for event, (metrics, step) in zip(events, rows, strict=True):
        assert isinstance(event, MetricsLogged)
        assert same(event.step, step)
        assert list(event.metrics) == list(metrics)
        assert all(same(event.metrics[name], value) for name, value in metrics.items())


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_rows_round_trip(new_header, read, rows):
    """Any row comes back as it was: names, values, types and step."""
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder), new_header)
        for metrics, step in rows:
            writer.row(metrics, step)
            writer.row(metrics, step)  # once more, now that the layout is known
        writer.close()
        found = [read(path) for path in Path(folder).iterdir()]
    assert_rows([event for part in found for event in part.events], [row for row in rows for _ in range(2)])
    assert not any(part.damage for part in found)


@given(ROWS, st.lists(st.integers(-(2**63), 2**63 - 1), min_size=12, max_size=12))
@settings(max_examples=50, deadline=None)
def test_rows_with_times_round_trip(new_header, read, rows, times):
    """A row keeps a time of its own, whatever the order of times."""
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder), lambda: new_header(writer="w"))
        for time_ns, (metrics, step) in zip(times, rows, strict=False):
            writer.row_at(time_ns, metrics, step)
        writer.close()
        found = read(Path(folder) / "w.seg")
    assert_rows(found.events, rows)
    assert [event.time for event in found.events] == times[: len(rows)]


@given(st.dictionaries(TEXT, TEXT), st.integers(0, 2**63 - 1))
@settings(max_examples=50, deadline=None)
def test_events_round_trip(new_header, read, tags, time_ns):
    """Any event comes back as it was."""
    events = [TagsSet(time=time_ns, tags=tags), ParamsLogged(time=time_ns, params={**tags, "big": 10**30})]
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder), lambda: new_header(writer="w"))
        for event in events:
            writer.append(event)
        writer.close()
        assert read(Path(folder) / "w.seg").events == events


def test_row_says_when(writer, folder, read):
    """A row takes the current time in nanoseconds, known layout or not."""
    before = time.time_ns()
    writer.row({"a": 1.0}, 1)
    between = time.time_ns()
    writer.row({"a": 1.0}, 2)
    first, second = read(folder.segments()[0]).events
    assert before <= first.time <= between <= second.time <= time.time_ns()


def test_row_is_one_write(writer, monkeypatch):
    """A row of a known layout costs one write of its own bytes."""
    metrics = dict.fromkeys("abcde", 0.5)
    writer.row(metrics, 0)
    written = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(data) or real(fd, data))
    writer.row(metrics, 1)
    assert list(map(len, written)) == [68]


def test_end_is_the_size_of_the_file(writer, folder):
    """What is acknowledged is in the file, to the byte."""
    assert writer.end == 0
    for step in range(5):
        writer.row({"a": step}, step)
        assert writer.end == folder.segments()[0].stat().st_size
    writer.append(TagsSet(time=1, tags={}))
    assert writer.end == folder.segments()[0].stat().st_size


def test_nothing_written_no_file(writer, folder):
    """A writer that was given nothing leaves no file."""
    writer.row({}, 1)
    writer.close()
    assert folder.segments() == []


class Reduction(enum.IntEnum):
    MEAN = 3


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float16(0.1), float(np.float16(0.1))),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.array(2.5), 2.5),
        (np.array(7), 7),
        (decimal.Decimal("0.5"), 0.5),
        (fractions.Fraction(1, 4), 0.25),
        (Reduction.MEAN, 3),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (2**63, 2**63),
        (-(2**63) - 1, -(2**63) - 1),
    ],
)
def test_numeric_kinds(writer, folder, read, value, kept):
    """Every numeric kind keeps its exact value, the first time and the next."""
    for _ in range(3):
        writer.row({"a": value}, 0)
    values = [event.metrics["a"] for event in read(folder.segments()[0]).events]
    assert len(values) == 3
    assert all(same(found, kept) for found in values)
    assert all(math.copysign(1, found) == math.copysign(1, kept) for found in values)


def test_kinds_that_alternate(writer, folder, read):
    """A metric whose values change their type keeps each one's type."""
    values = [1, 1.0, True, 2**70, np.float32(2), 1, 2**63 - 1, 2**63, False, 0.5] * 3
    for step, value in enumerate(values):
        writer.row({"a": value}, step)
    found = read(folder.segments()[0]).events
    assert_rows(found, [({"a": value if type(value) is not np.float32 else 2.0}, i) for i, value in enumerate(values)])


@pytest.mark.parametrize("array", [np.array, lambda value: np.asarray(value)[()]])
def test_step_of_an_array_that_changes_its_kind(writer, folder, read, array):
    """A step of an array type may be whole once and fractional the next time."""
    for step in (5, 5.5, 6, 2**62):
        writer.row({"a": 1.0}, array(step))
    assert [event.step for event in read(folder.segments()[0]).events] == [5, 5.5, 6, 2**62]


@pytest.mark.parametrize("step", [True, np.bool_(True), "5", [1], 1j, object()])
def test_unusable_step(writer, folder, step):
    """A step that is no number is refused before anything is written."""
    with pytest.raises(TypeError, match="a step is an int or a float, or left out"):
        writer.row({"a": 1.0}, step)
    assert folder.segments() == []


@pytest.mark.parametrize("step", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_infinite_step(writer, folder, step):
    """A step that is not finite is refused, each time."""
    for _ in range(2):
        with pytest.raises(ValueError, match="a step is finite"):
            writer.row({"a": 1.0}, step)
    assert folder.segments() == []


def test_int_beyond_all_columns(writer, folder, read):
    """An int that no column can hold is refused before anything is written."""
    writer.row({"a": 2**500_000}, 0)
    with pytest.raises(ValueError, match="too large for the journal"):
        writer.row({"a": 2**600_000}, 1)
    assert [event.metrics for event in read(folder.segments()[0]).events] == [{"a": 2**500_000}]


def test_huge_step(writer, folder, read):
    """A step beyond any float keeps every digit."""
    writer.row({"a": 1.0}, 10**400)
    assert read(folder.segments()[0]).events[0].step == 10**400


@pytest.mark.parametrize("value", ["0.5", None, [1.0], np.zeros(2), 1j, {"b": 1}, b"1", object()])
def test_unusable_value(writer, folder, read, value):
    """A value that is no number is refused, named, and nothing of its row is written."""
    writer.row({"a": 1.0, "loss": 2.0}, 0)
    size = folder.segments()[0].stat().st_size
    with pytest.raises(TypeError, match="'loss'"):
        writer.row({"a": 1.0, "loss": value}, 1)
    assert folder.segments()[0].stat().st_size == size


@pytest.mark.parametrize("name", ["", 1, None, ("a",)])
def test_unusable_name(writer, name):
    """A metric needs a name that is text."""
    with pytest.raises(TypeError, match="names are non-empty strings"):
        writer.row({name: 1.0})


def test_name_with_a_lone_surrogate(writer, folder):
    """A name that UTF-8 cannot say is refused before anything is written."""
    with pytest.raises(ValueError, match="lone surrogate"):
        writer.row({"a\ud800": 1.0})
    assert folder.segments() == []


@pytest.mark.parametrize("metrics", [None, 0.5, "loss", ["loss"], object()])
def test_no_mapping(writer, metrics):
    """What is no mapping is refused."""
    with pytest.raises(TypeError, match="takes a mapping of names to numbers"):
        writer.row(metrics)


def test_closed(writer):
    """A closed writer takes no more, and closes again without effect."""
    writer.row({"a": 1.0})
    writer.close()
    writer.close()
    with pytest.raises(RunFinished, match="resume='must'"):
        writer.row({"a": 1.0})
    with pytest.raises(RunFinished):
        writer.append(TagsSet(time=1, tags={}))


def test_closed_in_the_middle(writer, folder, read):
    """A row that was on its way when the writer closed says that the run has ended."""

    class Closing(dict):
        def values(self):
            calls.append(1)
            if len(calls) == 2:
                writer.close()
            return super().values()

    writer.row({"a": 1.0})
    calls: list[int] = []
    with pytest.raises(RunFinished):
        writer.row(Closing(a=2.0))
    assert_rows(read(folder.segments()[0]).events, [({"a": 1.0}, None)])


def test_names_without_end(writer, folder, read, monkeypatch):
    """Names made up anew on every call are all kept, and are not all remembered."""
    monkeypatch.setattr("trackhub.journal.writer._MOST_LAYOUTS", 8)
    rows = [({f"a{number % 20}": 1.0}, number) for number in range(100)]
    for metrics, step in rows:
        writer.row(metrics, step)
    assert len(writer._declared) <= 8
    assert len(writer._known) <= 8
    assert_rows(read(folder.segments()[0]).events, rows)


def test_durable(folder, new_header, monkeypatch):
    """With durability="disk" every row and event is on the disk before the call returns."""
    writer = JournalWriter(folder.journal, new_header, "disk")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    for step in range(3):
        writer.row({"a": 1.0}, step)
        assert synced[-1] == writer.end
    writer.append(TagsSet(time=1, tags={}))
    assert synced[-1] == writer.end
    writer.close()


def test_disk_that_fails_to_sync(folder, new_header, monkeypatch):
    """A disk that fails is the store's error."""

    def fail(fd):
        raise OSError(5, "Input/output error")

    writer = JournalWriter(folder.journal, new_header, "disk")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="Input/output error"):
        writer.append(TagsSet(time=1, tags={}))
    writer.close()


def test_event_of_a_newer_trackhub(writer, folder, read):
    """An event that this version does not know is written on with all its fields."""
    unknown = UnknownEvent(time=5, type="moon", fields={"event": "moon", "time": 5, "phase": [1, {"a": None}]})
    writer.append(unknown)
    assert read(folder.segments()[0]).events == [unknown]


def test_metrics_as_an_event(writer, folder, read):
    """Metrics given as an event are stored as a row, and come back as they were."""
    events = [
        MetricsLogged(time=5, metrics={"a": 1, "b": 2**90, "c": True}, step=2**80),
        MetricsLogged(time=4, metrics={}),
        MetricsLogged(time=6, metrics={"a": -0.0}, step=0.5),
    ]
    for event in events:
        writer.append(event)
    assert read(folder.segments()[0]).events == events


def test_event_too_large(writer, monkeypatch):
    """An event beyond the format's largest record is refused."""
    monkeypatch.setattr("trackhub.journal.writer.LARGEST", 100)
    with pytest.raises(ValueError, match="log it as an artifact"):
        writer.append(TagsSet(time=1, tags={"a": "x" * 100}))
    assert LARGEST == 1 << 28


@pytest.mark.parametrize("name", ["with space", "ünï/cödé ✓", "per%cent", "a'b\"c", "-x", "日本語"])
def test_folder_of_any_name(tmp_path, new_header, read, name):
    """A store may lie under spaces, quotes and any script."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    writer = JournalWriter(folder, lambda: new_header(writer="w"))
    writer.row({"a": 1.0}, 1)
    writer.close()
    assert_rows(read(folder / "w.seg").events, [({"a": 1.0}, 1)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path, new_header):
    """A folder that cannot be written is the store's error, and says which."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    writer = JournalWriter(tmp_path, new_header)
    with pytest.raises(StoreError, match=str(tmp_path)):
        writer.row({"a": 1.0})
    tmp_path.chmod(0o700)


def test_folder_that_is_gone(tmp_path, new_header):
    """A folder that is gone is the store's error; once it is back, writing goes on."""
    folder = tmp_path / "journal"
    writer = JournalWriter(folder, new_header)
    with pytest.raises(StoreError, match="No such file"):
        writer.row({"a": 1.0})
    folder.mkdir()
    writer.row({"a": 1.0})
    writer.close()
    assert len(list(folder.iterdir())) == 1


def test_folder_on_a_read_only_file_system(tmp_path, new_header, monkeypatch):
    """A file system that is mounted read-only is the store's error, and leaves no file."""

    def refuse(*args):
        raise OSError(30, "Read-only file system")

    writer = JournalWriter(tmp_path, new_header)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="Read-only file system"):
        writer.row({"a": 1.0})
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_kinds_of_records(writer, folder):
    """A layout is declared once, right before its first row."""
    for step in range(3):
        writer.row({"a": 1.0}, step)
    writer.append(TagsSet(time=1, tags={}))
    kinds = []
    reader = SegmentReader(folder.segments()[0])
    reader._decode = lambda data, at, end, kind, base: kinds.append(kind)
    list(reader.records())
    assert kinds == [LAYOUT, 16, 16, 16, EVENT]
