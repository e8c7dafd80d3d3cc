from __future__ import annotations

import threading
import time

import pytest
from support.fakes import FakeBackend, calls_to
from support.journals import WrittenRun

from trackhub.backend import Destination
from trackhub.delivery import syncing
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.lock import RunLock
from trackhub.delivery.record import RecordFile, read_records, record_of
from trackhub.delivery.syncing import Syncing
from trackhub.errors import RetryLater, StoreError, Unauthorized
from trackhub.journal.store import RunFolder, Store
from trackhub.model.events import RunEnded, RunResumed

FAKE = Destination.parse("fake://vendor")


@pytest.fixture
def backends():
    """Hold one backend a run, as a vendor keeps runs apart."""
    return {}


@pytest.fixture
def dispatch(backends):
    class ByRun(FakeBackend):
        pass

    backend = backends["all"] = ByRun()
    made = Dispatch(lambda destination: calls_to(backend))
    yield made
    made.close(5)


def watching(dispatch, store):
    """Start a sync that watches, in a thread that ends with the test."""
    ended = []
    task = Syncing(dispatch, [FAKE], end=ended.append)
    thread = threading.Thread(target=lambda: task.run(Store(store), watch=True, timeout_s=6), daemon=True)
    thread.start()
    return thread, ended


def eventually(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_sync_ends_when_all_is_there(tmp_path, dispatch, backends):
    """Without watch, a sync returns once everything is delivered, and says so."""
    written = WrittenRun(tmp_path)
    written.rows(5)
    written.end()
    report = Syncing(dispatch, [FAKE], end=lambda folder: None).run([written.folder], watch=False, timeout_s=20)
    assert report.complete
    assert (report.destinations[0].points, report.destinations[0].runs) == (5, 1)
    assert len(backends["all"].points) == 5


def test_a_sync_ends_when_its_time_is_up(tmp_path, dispatch, backends):
    """A vendor that stays away costs the time limit and no more; the report tells why."""
    written = WrittenRun(tmp_path)
    backends["all"].fail["start_run"] = [RetryLater("away")] * 50
    began = time.monotonic()
    report = Syncing(dispatch, [FAKE], end=lambda folder: None).run([written.folder], watch=False, timeout_s=1)
    assert time.monotonic() - began < 5
    assert not report.complete
    assert (report.destinations[0].state, report.destinations[0].error) == ("retrying", "away")


def test_a_sync_takes_parents_along(tmp_path, dispatch, backends):
    """Syncing a child delivers its parent first."""
    parent = WrittenRun(tmp_path)
    child = WrittenRun(tmp_path, parent=parent.id)
    Syncing(dispatch, [FAKE], end=lambda folder: None).run([child.folder], watch=False, timeout_s=20)
    assert list(backends["all"].runs) == [parent.id, child.id]
    assert backends["all"].runs[child.id].parent.ref.id == f"vendor-{parent.id}"


def test_what_was_delivered_is_not_opened_again(tmp_path, dispatch, backends):
    """A run that the vendor has whole is not even asked about."""
    written = WrittenRun(tmp_path)
    written.end()
    for _ in range(2):
        Syncing(dispatch, [FAKE], end=lambda folder: None).run([written.folder], watch=False, timeout_s=20)
    assert backends["all"].calls["start_run"] == 1


def test_watching_takes_up_a_run_that_is_resumed(tmp_path, dispatch, backends, monkeypatch):
    """A run that was all there, and was resumed while the store is watched, is delivered on."""
    monkeypatch.setattr(syncing, "RESCAN_S", 0.1)
    monkeypatch.setattr(syncing, "JUDGE_S", 0.1)
    written = WrittenRun(tmp_path)
    written.rows(1)
    written.end()
    Syncing(dispatch, [FAKE], end=lambda folder: None).run([written.folder], watch=False, timeout_s=20)
    other = Dispatch(lambda destination: calls_to(backends["all"]))
    dispatch.close(5)
    thread, ended = watching(other, tmp_path)
    written.writer.append(RunResumed(time=written.tick(), attempt="w2"))
    written.rows(1, first=1)
    eventually(lambda: len(backends["all"].points) == 2)
    eventually(lambda: len(ended) > 1)  # an open run is judged again and again
    written.writer.append(RunEnded(time=written.tick(), status="finished", attempt="w2"))
    eventually(lambda: len(backends["all"].ends) == 2)
    thread.join(15)
    other.close(5)


def test_a_run_whose_end_cannot_be_written_keeps_no_other_from_its_place(tmp_path, dispatch):
    """The trouble is said of that run; what it holds is delivered, and so is every other run."""
    bad, good = WrittenRun(tmp_path), WrittenRun(tmp_path)
    good.end()

    def end(folder):
        if folder == bad.folder:
            raise StoreError(f"{folder.journal}: read-only")

    report = Syncing(dispatch, [FAKE], end=end).run(Store(tmp_path), watch=False, timeout_s=20)
    assert not report.complete
    assert report.destinations[0].state == "stopped"
    assert report.destinations[0].error == f"run {bad.id}: {bad.folder.journal}: read-only"
    assert [read_records(one.folder)[0].state for one in (bad, good)] == ["delivering", "delivered"]


def test_a_run_that_cannot_be_read_keeps_no_other_from_its_place(tmp_path, dispatch, monkeypatch):
    """Neither does one whose folder is another user's."""
    bad, good = WrittenRun(tmp_path), WrittenRun(tmp_path)
    good.end()
    segments = RunFolder.segments

    def denied(folder):
        if folder == bad.folder:
            raise PermissionError(13, "Permission denied", str(folder.journal))
        return segments(folder)

    monkeypatch.setattr(RunFolder, "segments", denied)
    report = Syncing(dispatch, [FAKE], end=lambda folder: None).run(Store(tmp_path), watch=False, timeout_s=20)
    assert (report.destinations[0].state, report.destinations[0].runs) == ("stopped", 2)
    assert bad.id in report.destinations[0].error
    assert "Permission denied" in report.destinations[0].error
    assert read_records(good.folder)[0].state == "delivered"


def test_a_sync_asks_anew_where_a_lane_was_halted(tmp_path, dispatch, backends):
    """The training's own delivery was refused and still runs: a sync after the mending delivers."""
    written = WrittenRun(tmp_path)
    written.rows(2)
    backends["all"].fail["start_run"] = [Unauthorized("the key is missing")]
    training = Dispatch(lambda destination: calls_to(backends["all"]))
    training.add(written.folder, FAKE)
    eventually(lambda: training.done)
    report = Syncing(dispatch, [FAKE], end=lambda folder: None).run([written.folder], watch=False, timeout_s=20)
    assert (report.destinations[0].state, report.destinations[0].points) == ("delivering", 2)
    training.close(5)


def test_a_sync_waits_for_who_is_trying_again(tmp_path, dispatch):
    """Who holds a run's lock tries now, whatever the record says from before: that is no result."""
    written = WrittenRun(tmp_path)
    written.rows(1)
    record = record_of(written.folder, FAKE)
    record.state = "unauthorized"
    RecordFile(written.folder, FAKE.slug).write(record)
    lock = RunLock(written.folder.delivery / f"{FAKE.slug}.lock")
    assert lock.take()
    threading.Timer(1.5, lock.release).start()
    report = Syncing(dispatch, [FAKE], end=lambda folder: None).run([written.folder], watch=False, timeout_s=20)
    assert report.destinations[0].points == 1


def test_a_run_that_nothing_can_be_kept_of_says_why(tmp_path, dispatch, monkeypatch):
    """Where not even the lock can be made, the report has the reason, and the others are delivered."""
    bad, good = WrittenRun(tmp_path), WrittenRun(tmp_path)
    good.end()
    take, write = RunLock.take, RecordFile.write

    def denied(lock):
        if bad.id in str(lock._path):
            raise PermissionError(13, "Permission denied", str(lock._path))
        return take(lock)

    def unwritten(file, record):
        if bad.id in str(file.path):
            record.updated = time.time_ns()
            raise PermissionError(13, "Permission denied", str(file.path))
        write(file, record)

    monkeypatch.setattr(RunLock, "take", denied)
    monkeypatch.setattr(RecordFile, "write", unwritten)
    report = Syncing(dispatch, [FAKE], end=lambda folder: None).run(Store(tmp_path), watch=False, timeout_s=20)
    assert report.destinations[0].state == "stopped"
    assert "Permission denied" in report.destinations[0].error
    assert read_records(good.folder)[0].state == "delivered"
