"""Rows that signals interrupt, again and again, and a process that is killed."""

from __future__ import annotations

import gc
import os
import random
import signal
import struct
import time

import pytest

from trackhub.journal.writer import JournalWriter
from trackhub.model.events import MetricsLogged, TagsSet

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")


class Interrupted(BaseException):
    """What a user's handler raises."""


@pytest.fixture
def alarm():
    """Return a setter of the handler of alarms and one of the next alarm; pytest's own is put back at the end."""
    gc.disable()  # what is raised in a collection is reported, not raised
    handler = signal.getsignal(signal.SIGALRM)
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    rng = random.Random(5)
    yield (
        lambda handler: signal.signal(signal.SIGALRM, handler),
        lambda longest: signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, longest)),
    )
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, left)
    gc.enable()


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt, TimeoutError])
@pytest.mark.parametrize("longest", [20e-6, 60e-6, 300e-6])
def test_storm_of_exceptions(writer, read, alarm, error, longest):
    """Exceptions out of handlers break no segment, double no row and lose none that was acknowledged."""
    set_handler, set_alarm = alarm
    armed = [False]

    def interrupt(number, frame):
        if armed[0]:
            set_alarm(20e-6)  # the next one comes while this one is on its way
            raise error

    set_handler(interrupt)
    writer.row({"a": 0.5}, 0)
    acknowledged = [0]
    interruptions = 0
    deadline = time.monotonic() + 0.35
    step = 0
    while time.monotonic() < deadline:
        step += 1
        set_alarm(longest)
        try:
            armed[0] = True
            # Now and then a new layout, and an event.
            writer.row({"a": 0.5, f"b{step // 500}": 1.0}, step)
            armed[0] = False
            acknowledged.append(step)
            if step % 50 == 0:
                armed[0] = True
                writer.append(TagsSet(time=step, tags={}))
                armed[0] = False
        except error:
            armed[0] = False
            interruptions += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    writer.row({"a": 0.5}, step + 1)
    segments = [read(path) for path in writer._folder.iterdir()]
    assert not any(part.damage or part.reader.tail() for part in segments)
    steps = [event.step for part in segments for event in part.events if isinstance(event, MetricsLogged)]
    assert len(steps) == len(set(steps))
    assert {*acknowledged, step + 1} <= {*steps} <= {*range(step + 2)}
    assert steps == sorted(steps)
    assert len(segments) == 1
    assert interruptions > 50


@pytest.mark.parametrize("longest", [20e-6, 100e-6])
def test_handler_that_logs(writer, folder, read, alarm, longest):
    """A handler may log to the very run whose row it interrupts."""
    set_handler, set_alarm = alarm
    logged = []

    def log(number, frame):
        logged.append(len(logged))
        if len(logged) % 3 == 0:
            set_alarm(20e-6)  # one that interrupts this one
        if len(logged) % 2:
            writer.row({"from handler": 1.0}, len(logged))
        else:
            writer.append(TagsSet(time=time.time_ns(), tags={"from": "handler"}))

    set_handler(log)
    deadline = time.monotonic() + 0.35
    step = 0
    while time.monotonic() < deadline:
        step += 1
        set_alarm(longest)
        writer.row({"a": 0.5, f"b{step // 500}": 1.0}, step)
    signal.setitimer(signal.ITIMER_REAL, 0)
    segments = [read(path) for path in folder.segments()]
    assert not any(part.damage or part.reader.tail() for part in segments)
    events = [event for part in segments for event in part.events]
    rows = [event for event in events if isinstance(event, MetricsLogged)]
    assert [row.step for row in rows if "a" in row.metrics] == list(range(1, step + 1))
    assert len(events) - step == len(logged) > 50


@pytest.mark.parametrize("written", [True, False])
def test_handler_that_logs_around_the_write(writer, folder, read, monkeypatch, written):
    """A handler that logs right before or right after the write itself breaks neither record."""
    real = os.write
    for step in range(3):
        writer.row({"a": 0.5}, step)

    def write(fd, data):
        monkeypatch.setattr(os, "write", real)
        done = real(fd, data) if written else None
        writer.append(TagsSet(time=1, tags={"from": "handler"}))
        return done if written else real(fd, data)

    if written:
        monkeypatch.setattr(os, "write", write)
        writer.row({"a": 0.5}, 3)
    else:
        # The last moment at which a handler can run before the write is during the checksum.
        def crc32(data, seed):
            monkeypatch.undo()
            writer.append(TagsSet(time=1, tags={"from": "handler"}))
            return zlib_crc32(data, seed)

        from zlib import crc32 as zlib_crc32

        monkeypatch.setattr("trackhub.journal.writer.crc32", crc32)
        writer.row({"a": 0.5}, 3)
    writer.row({"a": 0.5}, 4)
    found = read(folder.segments()[0])
    assert found.damage == []
    assert [event.step for event in found.events if isinstance(event, MetricsLogged)] == list(range(5))
    assert sum(isinstance(event, TagsSet) for event in found.events) == 1


def test_handler_that_logs_while_the_segment_opens(folder, new_header, read, monkeypatch):
    """A handler that logs while the first row opens the segment leaves one whole segment."""
    writer = JournalWriter(folder.journal, new_header)
    real = os.write

    def write(fd, data):
        monkeypatch.undo()
        writer.row({"from handler": 1.0, "a": 0.5}, 0)
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    for step in range(3):
        writer.row({"a": 0.5}, step)
        writer.row({"from handler": 1.0, "a": 0.5}, step)
    writer.close()
    (path,) = folder.segments()
    found = read(path)
    assert found.damage == []
    assert len(found.events) == 7


def test_interrupted_before_the_write_is_known(writer, folder, read, monkeypatch):
    """A row whose write was made but whose call was interrupted is there once; the next one follows it."""
    real = os.write

    def interrupted(fd, data):
        real(fd, data)
        raise Interrupted

    writer.row({"a": 1.0}, 0)
    for step in (1, 2):
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(Interrupted):
            writer.row({"a": 1.0}, step)
        monkeypatch.undo()
    writer.close()
    found = read(folder.segments()[0])
    assert [event.step for event in found.events] == [0, 1, 2]
    assert found.damage == []


def test_closed_after_an_interrupted_write(writer, folder, read, monkeypatch):
    """Half a row, left by an interrupted write, is cut off when the writer closes."""
    real = os.write

    def torn(fd, data):
        real(fd, data[:20])
        raise Interrupted

    writer.row({"a": 1.0}, 0)
    monkeypatch.setattr(os, "write", torn)
    with pytest.raises(Interrupted):
        writer.row({"a": 1.0}, 1)
    monkeypatch.undo()
    writer.close()
    found = read(folder.segments()[0])
    assert [event.step for event in found.events] == [0]
    assert found.reader.tail() is None


def test_killed(folder, new_header, read):
    """Whatever a process acknowledged before SIGKILL is read."""
    rng = random.Random(7)
    for _ in range(12):
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            writer = JournalWriter(folder.journal, new_header)
            for step in range(10_000_000):
                writer.row({"a": 0.5, "b": step}, step)
                os.write(sender, struct.pack("<q", step))
        os.close(sender)
        time.sleep(rng.uniform(0.005, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged = b""
        while part := os.read(receiver, 1 << 20):
            acknowledged += part
        os.close(receiver)
        count = len(acknowledged) // 8
        paths = [path for path in folder.segments() if path.stem.startswith(f"{child}-")]
        if count == 0 and not paths:
            continue
        (path,) = paths
        found = read(path)
        assert found.damage == []
        steps = [event.step for event in found.events]
        assert steps == list(range(len(steps)))
        assert count <= len(steps) <= count + 1
