"""A destination's thread outlives what its plugin does."""

from __future__ import annotations

import time

import pytest
from support.fakes import FakeBackend, calls_to
from support.journals import WrittenRun

from trackhub.backend import Destination
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.lane import RunLane
from trackhub.delivery.record import read_records
from trackhub.delivery.worker import DestinationWorker, wait_until

FAKE = Destination.parse("fake://vendor")


class Apart(FakeBackend):
    """Take the points of any number of runs."""

    def _check(self, names):
        self.points, self.position = [], None


def test_a_vendors_own_interrupt_ends_its_lane_alone(tmp_path):
    """KeyboardInterrupt from a plugin is no Ctrl-C: the lane stops and says so, the next run is delivered."""
    first, second = WrittenRun(tmp_path), WrittenRun(tmp_path)
    first.end()
    second.end()
    backend = Apart()
    backend.fail["start_run"] = [KeyboardInterrupt("from the vendor's client")]
    dispatch = Dispatch(lambda destination: calls_to(backend))
    dispatch.add(first.folder, FAKE)
    assert wait_until(lambda: dispatch.done, 10)
    dispatch.add(second.folder, FAKE)
    assert wait_until(lambda: dispatch.done, 10)
    assert dispatch.close(5)
    [stopped], [delivered] = read_records(first.folder), read_records(second.folder)
    assert (stopped.state, delivered.state) == ("stopped", "delivered")
    assert stopped.error == "the vendor's client ended with KeyboardInterrupt: from the vendor's client"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_started_anew(tmp_path, monkeypatch):
    """Whatever ended it, the next run that is added brings the others back to work, too."""
    first, second = WrittenRun(tmp_path), WrittenRun(tmp_path)
    first.end()
    second.end()
    opened = []

    def open_backend(destination):
        opened.append(destination)
        return calls_to(Apart())

    worker = DestinationWorker(FAKE, open_backend)
    with monkeypatch.context() as patch:
        patch.setattr(DestinationWorker, "_step_all", broken)
        worker.add(first.folder)
        worker._thread.join(5)
    assert not worker._thread.is_alive()
    worker.add(second.folder)
    assert wait_until(lambda: worker.done, 10)
    assert worker.close(5)
    assert [read_records(one.folder)[0].state for one in (first, second)] == ["delivered", "delivered"]
    assert len(opened) == 2


def broken(_):
    raise MemoryError


def test_a_lanes_own_fault_stops_no_other(tmp_path, monkeypatch):
    """A lane that raises whatever it may is left for a while; the others of its destination go on."""
    first, second = WrittenRun(tmp_path), WrittenRun(tmp_path)
    first.end()
    second.end()
    step = RunLane.step

    def faulty(lane):
        if lane.folder == first.folder:
            raise KeyboardInterrupt
        return step(lane)

    monkeypatch.setattr(RunLane, "step", faulty)
    worker = DestinationWorker(FAKE, lambda destination: calls_to(Apart()))
    worker.add(first.folder)
    worker.add(second.folder)
    assert wait_until(lambda: bool(read_records(second.folder)) and worker._thread.is_alive(), 10)
    assert wait_until(lambda: read_records(second.folder)[0].state == "delivered", 10)
    began = time.monotonic()
    assert worker.close(5)
    assert time.monotonic() - began < 4
