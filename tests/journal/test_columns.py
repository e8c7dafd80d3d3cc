"""A run's metrics as arrays: exactly what the journal's events say, damaged or not."""

from __future__ import annotations

import builtins
import importlib
import math
import random
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackhub.errors import TrackhubError
from trackhub.journal import columns
from trackhub.journal.columns import Column, read_columns
from trackhub.journal.journal import JournalReader
from trackhub.journal.segment import EVENT
from trackhub.journal.store import Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.codec import pack
from trackhub.model.events import MetricsLogged, TagsSet

SCALARS = st.floats() | st.booleans() | st.integers(-10, 10) | st.integers(-(2**70), 2**70)
STEPS = st.none() | st.integers(-5, 2**63) | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.tuples(st.dictionaries(st.sampled_from(["a", "b", "é c"]), SCALARS, min_size=1), STEPS, st.integers(0, 50))
BLOCKS = st.lists(st.tuples(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from([1, 2, 20, 60]), st.booleans()))


def write(run, new_header, name: str, blocks) -> None:
    """Write a segment of blocks: some rows again and again, and an event after some of them."""
    writer = JournalWriter(run.journal, lambda: new_header(writer=name))
    for rows, times, event in blocks:
        for _ in range(times):
            for metrics, step, time in rows:
                writer.row_at(time, metrics, step)
        if event:
            writer.append(TagsSet(time=rows[-1][2] + 20, tags={}))
    writer.close()


def expected(run) -> dict[str, tuple[list, list, list]]:
    """Return each metric's steps, times and values as the events say them."""
    found: dict[str, tuple[list, list, list]] = {}
    for event, _, _ in JournalReader(run).events():
        if isinstance(event, MetricsLogged):
            for name, value in event.metrics.items():
                step, time, values = found.setdefault(name, ([], [], []))
                step.append(event.step)
                time.append(event.time)
                values.append(value)
    return found


def assert_holds(array, items: list) -> None:
    """Assert that an array holds items exactly, in the plainest type that can."""
    kinds = {type(item) for item in items}
    found = array.tolist()
    assert len(found) == len(items)
    for value, item in zip(found, items, strict=True):
        if item is None:
            assert math.isnan(value)
        else:
            assert repr(value) == repr(item) or (type(item) is int and value == item)
            assert isinstance(value, bool) == isinstance(item, bool)
    if kinds == {float}:
        assert array.dtype == np.float64
    elif kinds == {bool}:
        assert array.dtype == np.bool_
    elif kinds == {int} and all(-(2**63) <= item < 2**63 for item in items):
        assert array.dtype == np.int64
    elif kinds <= {float, int, type(None)} and all(abs(item) <= 2**53 for item in items if type(item) is int):
        assert array.dtype == np.float64
    else:
        assert array.dtype == object


def assert_same(run) -> dict[str, Column]:
    """Assert that a run's columns are what its events say."""
    wanted = expected(run)
    found = read_columns(run)
    assert found.keys() == wanted.keys()
    for name, (step, time, value) in wanted.items():
        assert found[name].time.tolist() == time
        assert found[name].time.dtype == np.int64
        assert_holds(found[name].step, step)
        assert_holds(found[name].value, value)
    return found


@pytest.fixture
def small(monkeypatch):
    """Let windows and stretches be small, so that short segments meet every border."""
    monkeypatch.setattr(columns._Segment, "window", 700)
    monkeypatch.setattr(columns, "_FEWEST", 4)
    monkeypatch.setattr(columns, "_FEW", 8)


@pytest.mark.parametrize("window", [300, 5000, 1 << 20])
@pytest.mark.parametrize("fewest", [2, 16])
@given(segments=st.lists(BLOCKS, max_size=3))
@settings(max_examples=25, deadline=None)
def test_columns_are_the_events(new_header, segments, window, fewest):
    """Whatever was logged, in one segment or several, the columns are what the events say."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns._Segment, "window", window)
        patch.setattr(columns, "_FEWEST", fewest)
        run = Store(Path(folder)).run("p", "0" * 32)
        run.create()
        for number, blocks in enumerate(segments):
            write(run, new_header, f"w{number}", blocks)
        assert_same(run)


@given(BLOCKS.filter(bool), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_columns_are_the_events_of_a_damaged_segment(new_header, blocks, rng, damages):
    """Flipped bits, lost and zeroed bytes cost the columns what they cost the events, and no more."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns._Segment, "window", 2000)
        patch.setattr(columns, "_FEWEST", 4)
        run = Store(Path(folder)).run("p", "0" * 32)
        run.create()
        write(run, new_header, "w", blocks)
        path = run.journal / "w.seg"
        data = bytearray(path.read_bytes())
        for _ in range(damages):
            at = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[at] ^= 1 << rng.randrange(8)
                case 1:
                    data[at : at + 30] = bytes(30)
                case 2:
                    del data[at : at + 50]
                case 3:
                    data[at:at] = data[max(0, at - 100) : at]
        path.write_bytes(data)
        assert_same(run)


def test_torn_at_every_byte(folder, sample, small):
    """Wherever a segment is torn, the columns are what its whole records say."""
    for length in range(sample.begins, len(sample.data), 7):
        (folder.journal / "w1.seg").write_bytes(sample.data[:length])
        assert_same(folder)


def test_each_flipped_byte(folder, sample, small):
    """A flipped bit changes no value."""
    wanted = None
    for place in range(len(sample.data)):
        data = bytearray(sample.data)
        data[place] ^= 0x10
        (folder.journal / "w1.seg").write_bytes(data)
        found = {name: list(map(list, column)) for name, column in assert_same(folder).items()}
        wanted = wanted or repr(found)
        assert repr(found) == wanted


def test_long_patterns(folder, new_header):
    """Stretches, repeated patterns and irregular rows of one metric keep their order."""
    rng = random.Random(3)
    writer = JournalWriter(folder.journal, new_header)
    time = 0

    def log(metrics) -> None:
        nonlocal time
        time += 1
        writer.row_at(time, metrics, time)

    for _ in range(3000):
        log({"a": 0.5 * time})
    for _ in range(1500):
        log({"a": 1.0, "b": 2.0})
        log({"a": time})
        log({"b": True})
    for _ in range(3000):
        log(rng.choice([{"a": 1.5}, {"a": 3}, {"a": 0.25, "b": 1.0}]))
    for number in range(40):
        for _ in range(rng.randrange(60)):
            log({"a": 2.5})
        log({f"c{number % 3}": 1.0})
    writer.close()
    assert_same(folder)


def test_flip_in_a_long_stretch(folder, new_header):
    """A flipped bit in a long stretch of rows is mended, in linear time."""
    writer = JournalWriter(folder.journal, lambda: new_header(writer="w"))
    for step in range(60_000):
        writer.row({"a": 0.5, "b": 1.5}, step)
    writer.close()
    path = folder.journal / "w.seg"
    whole = read_columns(folder)
    data = bytearray(path.read_bytes())
    for place in range(2000, len(data), 100_003):
        data[place] ^= 0x40
    path.write_bytes(data)
    found = read_columns(folder)
    assert found["a"].step.tolist() == list(range(60_000)) == whole["a"].step.tolist()
    assert (found["b"].value == 1.5).all()


def test_names(folder, new_header):
    """Only the metrics asked for are decoded; one that is not there is left out."""
    write(folder, new_header, "w", [([({"a": 1.0, "b": 2}, 0, 1), ({"é c": True}, 1, 2)], 60, True)])
    assert set(read_columns(folder)) == {"a", "b", "é c"}
    found = read_columns(folder, ["b", "none"])
    assert set(found) == {"b"}
    assert found["b"].value.tolist() == [2] * 60
    assert read_columns(folder, []) == {}


def test_metrics_stored_as_events(folder, new_header):
    """Metrics that were stored as events stand among those that were stored as rows."""
    writer = JournalWriter(folder.journal, new_header)
    writer.row_at(1, {"a": 1.0}, 1)
    writer._write_record(EVENT, pack(MetricsLogged(time=2, metrics={"a": 2, "b": True}, step=None)))
    writer.row_at(3, {"a": 3.0}, 2**60)
    writer.close()
    found = assert_same(folder)
    assert found["a"].step.dtype == object


def test_other_files(folder, new_header):
    """A file that is no segment has no metrics and hides none."""
    write(folder, new_header, "w", [([({"a": 1.0}, 0, 1)], 3, False)])
    (folder.journal / "x.seg").write_bytes(b"PK" + bytes(100))
    (folder.journal / "y.seg").write_bytes(b"")
    assert len(assert_same(folder)["a"].value) == 3


def test_no_segments(folder):
    """A run without segments has no columns."""
    assert read_columns(folder) == {}


def test_memory_is_bounded(folder, new_header):
    """Beside its arrays, reading takes a few windows of memory."""
    writer = JournalWriter(folder.journal, new_header)
    for step in range(200_000):
        writer.row({"a": 0.5, "b": 1.5, "c": 2.5}, step)
    writer.close()
    size = folder.segments()[0].stat().st_size
    tracemalloc.start()
    found = read_columns(folder, ["a"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 10_000_000
    assert peak < 3 * sum(array.nbytes for array in found["a"]) + 8 * columns._Segment.window


def test_without_numpy(monkeypatch):
    """Without NumPy, the error says what to install."""
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "numpy":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "trackhub.journal.columns")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(TrackhubError, match=r"pip install \"trackhub-core\[read\]\""):
        importlib.import_module("trackhub.journal.columns")
