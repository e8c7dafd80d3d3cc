"""Give the journal's tests segments to write, to damage and to read back."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from trackhub.journal.reader import SegmentReader
from trackhub.journal.segment import HEAD, SegmentHeader, decode_header
from trackhub.journal.store import Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import EnvironmentCaptured, Event, ParamsLogged, RunEnded, RunStarted, TagsSet

RUN = "0190163d8694739ba9ea95d9ea16b3f1"


class Sample(NamedTuple):
    """Hold a whole segment, what it says, and where each of its records ends."""

    data: bytes
    events: list[Event]
    begins: int
    ends: list[int]


class Read(NamedTuple):
    """Hold what a reader made of a segment."""

    events: list[Event]
    damage: list
    reader: SegmentReader


@pytest.fixture(scope="session")
def new_header():
    """Return a maker of headers, each of a writer of its own."""
    numbers = itertools.count(1)

    def make(**fields) -> SegmentHeader:
        known = {"run": RUN, "project": "p", "role": "run", "created": 1, "host": "h", "pid": 1}
        # Two processes that were forked from one must not take the same name.
        return SegmentHeader(**{**known, "writer": f"{os.getpid()}-{next(numbers):06d}", **fields})

    return make


@pytest.fixture
def folder(tmp_path):
    """Return a run's folder, made."""
    run = Store(tmp_path / "store").run("p", RUN)
    run.create()
    return run


@pytest.fixture
def writer(folder, new_header):
    """Return a writer of that run."""
    writer = JournalWriter(folder.journal, new_header)
    yield writer
    writer.close()


@pytest.fixture(scope="session")
def read():
    """Return a reader of a whole segment from its path."""

    def read_segment(path: Path) -> Read:
        reader = SegmentReader(path)
        events = [record.event for record in reader.records()]
        return Read(events, reader.damage, reader)

    return read_segment


@pytest.fixture(scope="session")
def read_bytes(read):
    """Return a reader of a whole segment from its bytes."""
    memory = "/dev/shm"  # tens of thousands of small files come and go
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        path = Path(folder) / "a.seg"

        def read_from(data: bytes) -> Read:
            path.write_bytes(data)
            return read(path)

        yield read_from


def fill(writer: JournalWriter) -> None:
    """Write each kind of record, times counted from 1000."""
    writer.append(RunStarted(time=1000, id=RUN, name="forest-1", project="p", attempt="w1"))
    writer.append(ParamsLogged(time=1001, params={"lr": 1e-3, "seed": 2**80, "é": [None, True]}))
    for number in range(4):
        writer.row_at(1002 + number, {"loss": 0.5 * number, "acc": 0.1, "n": number}, number)
    writer.append(TagsSet(time=1006, tags={"owner": "me"}))
    writer.row_at(1007, {"count": -(2**70), "ok": True}, 1.5)
    writer.row_at(1008, {"loss": float("inf")}, None)
    writer.append(EnvironmentCaptured(time=1009, environment={"python": "3.11"}))
    for number in range(3):
        writer.row_at(1010 + number, {"loss": -1.0, "acc": 0.2, "n": 2**63 - 1}, 2**62 + number)
    writer.append(RunEnded(time=1013, status="finished", attempt="w1"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory, new_header, read) -> Sample:
    """Return a segment that holds each kind of record."""
    folder = tmp_path_factory.mktemp("sample")
    writer = JournalWriter(folder, lambda: new_header(writer="w1"))
    fill(writer)
    writer.close()
    path = folder / "w1.seg"
    data = path.read_bytes()
    ends = []
    end = begins = decode_header(data)[1]
    while end < len(data):
        end += HEAD.unpack_from(data, end)[0]
        ends.append(end)
    events, damage, _ = read(path)
    assert not damage
    assert [event.time for event in events] == list(range(1000, 1014))
    return Sample(data, events, begins, ends)
