"""One run in two stores that are merged: the vendor, which nobody can read back from, has every point once."""

from __future__ import annotations

import shutil

import pytest
from support.fakes import FakeBackend, calls_to
from support.journals import WrittenRun

from trackhub import hookimpl
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.delivery.record import RecordFile, read_records, revive
from trackhub.errors import Rejected, RetryLater
from trackhub.journal.store import RunFolder, Store
from trackhub.model.events import RunResumed, TagsSet


class Placing(FakeBackend):
    """Keep points by place, which may leave gaps."""

    def __init__(self) -> None:
        super().__init__()
        self.placed = {}

    @hookimpl
    def trackhub_log_metrics(self, ref, points, batch) -> None:
        self._begin("log_metrics")
        self.batches.append(batch)
        for place, point in enumerate(points, batch.start):
            self.placed.setdefault(place, point)
        self.position = batch.position or self.position
        self._raise(self.fail_after, "log_metrics")


class Readable(Placing):
    """Tell back what it has."""

    @hookimpl
    def trackhub_read_metrics(self, ref):
        return tuple(self.placed.values())


@pytest.fixture
def here(tmp_path):
    written = WrittenRun(tmp_path / "here")
    written.rows(3)
    return written


@pytest.fixture
def there(here, tmp_path):
    """Return the same run in another store, gone on with there."""
    here.writer.close()
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    folder = Store(tmp_path / "there").find(here.id)
    writer = _writer(here, folder, "w2")
    writer.append(RunResumed(time=here.tick(), attempt="w2"))
    for step in range(10, 13):
        writer.row_at(here.tick(), {"loss": step / 3}, step)
    writer.close()
    return folder


def _writer(written: WrittenRun, folder: RunFolder, name: str):
    own, written.folder = written.folder, folder
    try:
        return written.new_writer(name)
    finally:
        written.folder = own


def deliver(folder: RunFolder, backend: FakeBackend) -> RunLane:
    """Deliver what there is now, and leave the lane as it is."""
    lane = RunLane(folder, calls_to(backend))
    drain(lane)
    lane.close()
    return lane


def drain(lane: RunLane) -> None:
    for _ in range(50):
        lane.step()
        if lane.drained:
            return
    raise AssertionError(lane.report().error)


def merge(source: RunFolder, target: RunFolder) -> None:
    for path in source.segments():
        shutil.copy(path, target.journal / path.name)


def steps(backend: Placing) -> list[int]:
    return [point.step for _, point in sorted(backend.placed.items())]


def test_what_the_other_store_gave_is_not_given_again_after_a_merge(here, there):
    """Both stores deliver, then one comes into the other: the vendor's word on its segments is taken."""
    vendor = Readable()
    deliver(here.folder, vendor)
    deliver(there, vendor)
    assert steps(vendor) == [0, 1, 2, 10, 11, 12]
    merge(there, here.folder)
    calls = vendor.calls["log_metrics"]
    assert deliver(here.folder, vendor).report().points == 6
    assert vendor.calls["log_metrics"] == calls
    here.writer = here.new_writer("w3")
    here.rows(2, first=20)
    deliver(here.folder, vendor)
    assert steps(vendor) == [0, 1, 2, 10, 11, 12, 20, 21]


def test_a_vendor_that_cannot_be_read_will_do(here, there):
    """Its own word is enough, also for tags: what the other store set long ago overwrites nothing newer."""
    vendor = Placing()
    writer = _writer(here, there, "w2b")
    writer.append(TagsSet(time=here.tick(), tags={"phase": "old"}))
    writer.row_at(here.tick(), {"loss": 0.5}, 13)
    writer.close()
    deliver(here.folder, vendor)
    deliver(there, vendor)
    merge(there, here.folder)
    here.writer = here.new_writer("w3")
    here.writer.append(TagsSet(time=here.tick(), tags={"phase": "new"}))
    here.rows(1, first=20)
    deliver(here.folder, vendor)
    assert vendor.tags["phase"].value == "new"
    assert steps(vendor) == [0, 1, 2, 10, 11, 12, 13, 20]


def test_a_merge_into_a_lane_that_is_at_work_doubles_nothing(here, there):
    """A watched store into which the other one comes: the lane asks anew how far the vendor is."""
    vendor = Readable()
    deliver(here.folder, vendor)
    deliver(there, vendor)
    lane = RunLane(here.folder, calls_to(vendor))
    here.writer = here.new_writer("w3")
    here.rows(1, first=20)
    drain(lane)
    merge(there, here.folder)
    drain(lane)
    here.rows(1, first=21)
    drain(lane)
    lane.close()
    assert steps(vendor) == [0, 1, 2, 10, 11, 12, 20, 21]


def test_a_copy_that_ends_earlier_keeps_the_vendors_word(here, tmp_path):
    """A store with a shorter copy of a segment does not take back what the vendor says of it."""
    vendor = Placing()
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    there = Store(tmp_path / "there").find(here.id)
    here.rows(3, first=3)
    deliver(here.folder, vendor)
    writer = _writer(here, there, "w2")
    writer.row_at(here.tick(), {"loss": 1.0}, 10)
    writer.close()
    deliver(there, vendor)
    merge(here.folder, there)
    deliver(there, vendor)
    assert sorted(steps(vendor)) == [0, 1, 2, 3, 4, 5, 10]


def test_a_batch_whose_answer_was_lost_is_still_given_as_it_was(here, there):
    """The vendor's word never hides a batch that is under way, though another store's segments came meanwhile."""
    vendor = Readable()
    deliver(here.folder, vendor)
    here.writer = here.new_writer("w3")
    here.rows(2, first=20)
    lane = RunLane(here.folder, calls_to(vendor))
    vendor.fail["log_metrics"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        lane.step()
    lane.close()
    assert read_records(here.folder)[0].inflight is not None
    deliver(there, vendor)
    merge(there, here.folder)
    deliver(here.folder, vendor)
    assert sorted(steps(vendor)) == [0, 1, 2, 10, 11, 12, 20, 21]


def test_letters_that_are_given_again_leave_the_vendors_word(here):
    """After what was refused went through, a lost cursor still doubles nothing."""
    vendor = Refusing()
    here.writer.row_at(here.tick(), {"bad": 1.0}, 3)
    here.end()
    deliver(here.folder, vendor)
    vendor.poison = set()
    destination = calls_to(vendor).destination
    assert revive(here.folder, destination)
    assert deliver(here.folder, vendor).report().rejected == 0
    RecordFile(here.folder, destination.slug).path.unlink()
    deliver(here.folder, vendor)
    here.writer.append(RunResumed(time=here.tick(), attempt="w1"))
    here.rows(1, first=9)
    deliver(here.folder, vendor)
    assert steps(vendor) == [0, 1, 2, 3, 9]


class Refusing(Placing):
    """Refuse the metric ``bad`` as long as it is poison."""

    def __init__(self) -> None:
        super().__init__()
        self.poison = {"bad"}

    @hookimpl
    def trackhub_log_metrics(self, ref, points, batch) -> None:
        if any(point.name in self.poison for point in points):
            raise Rejected("'bad' is never taken")
        super().trackhub_log_metrics(ref, points, batch)


def test_a_vendor_that_is_away_while_it_is_asked_is_asked_again(here, there):
    """Nothing is given before it is known what the vendor has from the other store."""
    vendor = Unreadable()
    deliver(here.folder, vendor)
    deliver(there, vendor)
    here.writer = here.new_writer("w3")
    here.rows(1, first=20)
    shutil.copy(there.journal / "w2.seg", here.folder.journal / "w9.seg")  # the same points under another name
    lane = RunLane(here.folder, calls_to(vendor), Surroundings(clock=iter(range(10**6)).__next__))
    drain(lane)
    lane.close()
    assert steps(vendor) == [0, 1, 2, 10, 11, 12, 20]
    assert not vendor.fail["read_metrics"]


class Unreadable(Readable):
    """Be away at the first question."""

    def __init__(self) -> None:
        super().__init__()
        self.fail["read_metrics"] = [RetryLater("away")]

    @hookimpl
    def trackhub_read_metrics(self, ref):
        self._begin("read_metrics")
        return super().trackhub_read_metrics(ref)
