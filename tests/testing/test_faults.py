from __future__ import annotations

import contextlib
import threading

import pytest
from support.fakes import FakeBackend, calls_to

from trackhub.errors import Rejected, RetryLater
from trackhub.model.entities import Batch, MetricPoint, Param, RunInfo, RunRef
from trackhub.testing import FakeClock, Reader, Target, WrittenRun
from trackhub.testing.faults import (
    Doomed,
    Hang,
    Kill,
    RaiseAfter,
    RaiseBefore,
    Record,
    Redeliver,
    Refuse,
    deliver_and_die,
    inject,
    tear,
)

REF = RunRef(id="r")
POINT = MetricPoint("loss", 0.5, 1, 0)


@pytest.fixture
def backend():
    return FakeBackend()


def give(calls, start=0):
    calls.log_metrics(REF, (POINT,), Batch(start=start))


def test_a_fault_before_leaves_the_vendor_without(backend):
    """A lost request never arrives; the next one does."""
    calls = inject(calls_to(backend), RaiseBefore("log_metrics"))
    with pytest.raises(RetryLater):
        give(calls)
    assert backend.points == []
    give(calls)
    assert backend.points == [POINT]


def test_a_fault_after_leaves_it_there(backend):
    """A lost answer is a request that arrived."""
    calls = inject(calls_to(backend), RaiseAfter("log_metrics", error=lambda: ValueError("x"), times=1))
    with pytest.raises(ValueError, match="x"):
        give(calls)
    assert backend.points == [POINT]


def test_a_fault_at_every_hook(backend):
    """Without a hook's name each writing hook fails once, and none that reads or closes."""
    calls = inject(calls_to(backend), RaiseBefore())
    for _ in range(2):
        for call in (lambda: give(calls), lambda: calls.log_params(REF, (Param("a", 1, 0),))):
            with contextlib.suppress(RetryLater):
                call()
    assert (backend.calls["log_metrics"], backend.calls["log_params"]) == (1, 1)
    calls.close()


def test_a_refusal_is_by_name(backend):
    """A call is refused as long as it holds the entry."""
    calls = inject(calls_to(backend), Refuse("log_params", "b"))
    with pytest.raises(Rejected, match="b"):
        calls.log_params(REF, (Param("a", 1, 0), Param("b", 1, 0)))
    calls.log_params(REF, (Param("a", 1, 0),))
    assert set(backend.params) == {"a"}


def test_a_hang_ends_when_it_is_released(backend):
    """A call waits until the test lets it go."""
    hang = Hang("log_metrics", 30.0)
    thread = threading.Thread(target=give, args=(inject(calls_to(backend), hang),))
    thread.start()
    assert backend.points == []
    hang.released.set()
    thread.join(10)
    assert backend.points == [POINT]


def test_a_redelivery_says_that_it_is_one(backend):
    """The second call of each is marked, and the first is not."""
    record = Record()
    give(inject(calls_to(backend), Redeliver(), record))
    assert [given[2].redelivered for _, given, _ in record.calls] == [False, True]


def test_no_fault_is_no_wrapper(backend):
    """Without faults the calls are the backend's own."""
    calls = calls_to(backend)
    assert inject(calls) is calls


def test_a_killed_process_leaves_what_the_vendor_had(tmp_path):
    """The process dies behind the acknowledgement: the points are there, the cursor is not."""
    written = WrittenRun(tmp_path / "store", project="p")
    written.rows(3)
    target = Target(url=f"reference://vendor{tmp_path}/held", plugins=(("reference", "testing.reference"),))
    deliver_and_die(Doomed(target=target, folder=str(written.folder.path), hook="log_metrics"))
    assert len(Reader(target.open).points(RunRef(id=written.id))) == 3
    assert '"points"' not in next(written.folder.delivery.glob("*.json")).read_text()


def test_a_process_that_was_not_killed_is_a_failure(tmp_path):
    """A kill behind a hook that is never called shows nothing, and says so."""
    written = WrittenRun(tmp_path / "store", project="p")
    target = Target(url=f"reference://vendor{tmp_path}/held", plugins=(("reference", "testing.reference"),))
    with pytest.raises(AssertionError, match="was to be killed behind log_artifact"):
        deliver_and_die(Doomed(target=target, folder=str(written.folder.path), hook="log_artifact"))


def test_a_kill_waits_for_its_call(backend, monkeypatch):
    """The n-th call is the one behind which the process dies."""
    died = []
    monkeypatch.setattr("trackhub.testing.faults.die", lambda: died.append(len(backend.points)))
    calls = inject(calls_to(backend), Kill("log_metrics", 2))
    for start in range(3):
        give(calls, start)
    assert died == [2]


def test_a_torn_tail_is_completed(tmp_path):
    """What was cut off can be put back, as by the write that goes on."""
    written = WrittenRun(tmp_path, project="p")
    written.rows(2)
    [segment] = written.folder.segments()
    whole = segment.read_bytes()
    complete = tear(written.folder, 5)
    assert segment.read_bytes() == whole[:-5]
    complete()
    assert segment.read_bytes() == whole


def test_a_clock_stands_still():
    """Time passes when a test says so."""
    clock = FakeClock()
    before = clock()
    assert clock() == before
    clock.advance(3)
    assert clock() == before + 3


def test_an_own_reader_is_asked_first(tmp_path):
    """What an author's reader has is taken from it, the rest from a backend made afresh."""

    class Own:
        def read_metrics(self, ref):
            return [POINT]

    target = Target(url=f"reference://vendor{tmp_path}", plugins=(("reference", "testing.reference"),))
    calls = target.open()
    run = RunInfo(id="0" * 32, name="n", project="p", started=0)
    ref = calls.start_run(run)
    reader = Reader(target.open, Own())
    assert reader.points(ref) == (POINT,)
    assert reader.run(run.id, "p").name == "n"
