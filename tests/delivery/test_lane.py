from __future__ import annotations

import pytest
from support.fakes import FakeBackend, MetricsOnly, calls_to
from support.journals import WrittenRun

from trackhub import hookimpl
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.delivery.record import read_records
from trackhub.errors import Rejected, RetryLater, Unauthorized
from trackhub.journal.artifacts import ArtifactStore
from trackhub.model.entities import Connection
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    ParamsLogged,
    RunEnded,
    RunResumed,
    TagsSet,
)


class Clock:
    """Be a clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def written(tmp_path):
    return WrittenRun(tmp_path)


@pytest.fixture
def backend():
    return FakeBackend()


def lane_of(written, backend, *, points=1000, clock=None, **around):
    surroundings = Surroundings(clock=clock or Clock(), random=lambda: 0.0, **around)
    return RunLane(written.folder, calls_to(backend, points=points), surroundings)


def drain(lane, clock=None, most=200):
    """Step until there is nothing left, letting the clock jump over every wait."""
    for _ in range(most):
        wait = lane.step()
        if lane.done:
            return
        if wait and lane.drained:
            return
        if clock is not None:
            clock.now += wait


def steps(backend):
    return [point.step for point in backend.points]


def test_everything_arrives_in_order_and_the_run_ends(written, backend):
    """A finished run is delivered whole: points in order, params, tags, and its end."""
    written.writer.append(ParamsLogged(time=written.tick(), params={"a": 1, "b": 2, "c": 3}))
    written.writer.append(ParamsLogged(time=written.tick(), params={"d": None}))
    written.writer.append(TagsSet(time=written.tick(), tags={"t": "1"}))
    written.rows(25)
    written.writer.append(TagsSet(time=written.tick(), tags={"t": "2"}))
    written.end()
    lane = lane_of(written, backend, points=10)
    drain(lane)
    assert steps(backend) == list(range(25))
    assert [batch.start for batch in backend.batches] == [0, 10, 20]
    assert set(backend.params) == {"a", "b", "c", "d"}
    assert backend.tags["t"].value == "2"
    assert [end.status for end in backend.ends] == ["finished"]
    report = lane.report()
    assert (report.state, report.points, report.lag, report.link) == (
        "delivered",
        25,
        0,
        f"http://vendor/{written.id}",
    )


def test_a_lane_between_two_batches_is_not_drained(written, backend):
    """Whoever waits for a lane is not told that it is through while the next batch lies ready."""
    written.rows(25)
    lane = lane_of(written, backend, points=10)
    for _ in range(3):
        assert lane.step() == 0
        assert not lane.drained
    lane.step()
    assert lane.drained


def test_a_lane_goes_on_where_another_stopped(written, backend):
    """A second lane delivers only what is new, and starts the run anew in its own session."""
    written.rows(5)
    first = lane_of(written, backend)
    drain(first)
    first.close()
    written.rows(5, first=5)
    written.end()
    drain(lane_of(written, backend))
    assert steps(backend) == list(range(10))
    assert backend.calls["start_run"] == 2
    assert [batch.start for batch in backend.batches] == [0, 5]


def test_an_ambiguous_batch_comes_again_the_same_and_is_marked(written, backend):
    """A batch whose answer was lost is given again with the same points, start and a mark."""
    written.rows(7)
    clock = Clock()
    lane = lane_of(written, backend, points=5, clock=clock)
    backend.fail_after["log_metrics"] = [RetryLater("the answer was lost")]
    drain(lane, clock)
    assert steps(backend) == list(range(7))
    assert [(batch.start, batch.redelivered) for batch in backend.batches] == [(0, False), (0, True), (5, False)]


def test_a_batch_survives_the_death_of_its_deliverer(written, backend):
    """After a kill between the vendor's acknowledgement and the cursor, the same batch comes again."""
    written.rows(7)
    lane = lane_of(written, backend, points=5)
    backend.fail_after["log_metrics"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        lane.step()
    lane.close()
    written.rows(3, first=7)  # more must not change what the ambiguous batch holds
    second = lane_of(written, backend, points=5)
    drain(second)
    assert steps(backend) == list(range(10))
    assert [(batch.start, batch.redelivered) for batch in backend.batches] == [(0, False), (0, True), (5, False)]


def test_a_lost_cursor_is_replaced_by_the_vendors_position(written, backend):
    """Where the vendor holds the position, losing our own duplicates nothing, not even work."""
    written.rows(12)
    store = ArtifactStore(written.folder.artifacts)
    entry = store.keep_bytes(b"one", "a.txt")
    written.writer.append(ArtifactLogged(time=written.tick(), name="a", type="file", files=(entry,)))
    written.rows(4, first=12)
    first = lane_of(written, backend, points=5)
    drain(first)
    first.close()
    for path in written.folder.delivery.glob("*.json"):
        path.unlink()
    entry = store.keep_bytes(b"two", "a.txt")
    written.writer.append(ArtifactLogged(time=written.tick(), name="a", type="file", files=(entry,)))
    written.rows(2, first=16)
    calls = backend.calls["log_metrics"]
    drain(lane_of(written, backend, points=5))
    assert steps(backend) == list(range(18))
    assert backend.calls["log_metrics"] == calls + 1
    assert [artifact.version for artifact in backend.artifacts] == [1, 2]


def test_retry_later_waits_as_long_as_the_vendor_asks(written, backend):
    """A vendor's Retry-After is honoured, and nothing is asked before it has passed."""
    written.rows(1)
    clock = Clock()
    lane = lane_of(written, backend, clock=clock)
    backend.fail["start_run"] = [RetryLater("busy", retry_after_s=40)]
    assert lane.step() == 40
    assert lane.report().state == "retrying"
    assert lane.report().error == "busy"
    clock.now += 39
    assert lane.step() == pytest.approx(1)
    assert backend.calls["start_run"] == 1
    clock.now += 1
    drain(lane, clock)
    assert steps(backend) == [0]
    assert lane.report().error is None


def test_one_poisoned_point_is_set_apart(written):
    """A refused point becomes a dead letter with its reason; all others arrive."""
    written.rows(4)
    written.writer.row_at(written.tick(), {"bad": 1.0}, 4)
    written.rows(4, first=5)
    failures = []
    picky = PickyBackend()
    lane = lane_of(written, picky, failed=lambda *args: failures.append(args))
    drain(lane)
    assert [point.step for point in picky.points] == [0, 1, 2, 3, 5, 6, 7, 8]
    letters = [path.read_text() for path in written.folder.delivery.glob("*.dead.jsonl")]
    assert len(letters) == 1
    assert '"bad"' in letters[0]
    assert "never" in letters[0]
    assert lane.report().rejected == 1
    assert "never" in (lane.report().error or "")
    assert len(failures) == 1


class PickyBackend(MetricsOnly):
    """Refuse the metric ``bad`` for ever, and append everything else."""

    @hookimpl
    def trackhub_log_metrics(self, points):
        if any(point.name == "bad" for point in points):
            raise Rejected("'bad' is never taken")
        self.points += points


def test_an_unknown_failure_is_tried_a_bounded_number_of_times(written, backend):
    """What fails for no known reason is retried, then taken apart, and only the culprit is given up."""
    for name in ("a", "bad", "c"):
        written.writer.append(ParamsLogged(time=written.tick(), params={name: name}))
    backend.poison = {"bad"}
    clock = Clock()
    lane = lane_of(written, backend, clock=clock)
    drain(lane, clock)
    assert set(backend.params) == {"a", "c"}
    assert lane.report().rejected == 1
    assert backend.calls["log_params"] < 20


class Ailing(FakeBackend):
    """Fail at everything, and say so when asked, until it is well."""

    well = False

    def _begin(self, hook):
        super()._begin(hook)
        if not self.well:
            raise ValueError("500 Internal Server Error")

    @hookimpl
    def trackhub_check_connection(self, deadline):
        if not self.well:
            raise RetryLater("500 Internal Server Error")
        return Connection(version="1")


def test_a_vendor_that_fails_at_everything_costs_nothing(written):
    """While a vendor answers 500 to everything, nothing is given up; when it is well, all arrives."""
    written.rows(5)
    backend, clock = Ailing(), Clock()
    lane = lane_of(written, backend, clock=clock)
    for _ in range(30):
        clock.now += lane.step()
    assert lane.report().state == "retrying"
    backend.well = True
    drain(lane, clock)
    assert steps(backend) == [0, 1, 2, 3, 4]
    assert lane.report().rejected == 0


def test_unauthorized_pauses_and_a_new_lane_tries_again(written, backend):
    """Refused credentials pause the lane; a later sync, with others, goes on."""
    written.rows(2)
    backend.fail["start_run"] = [Unauthorized("the key is wrong: set FAKE_API_KEY")]
    lane = lane_of(written, backend)
    assert lane.step() == float("inf")
    assert lane.step() == float("inf")
    assert lane.done
    assert lane.report().state == "unauthorized"
    lane.close()
    drain(lane_of(written, backend))
    assert steps(backend) == [0, 1]


def test_a_vendor_that_exits_stops_its_lane_alone(written, backend):
    """SystemExit from a vendor's client is contained, said, and ends only this lane."""
    written.rows(2)
    backend.fail["log_metrics"] = [SystemExit(3)]
    lane = lane_of(written, backend)
    drain(lane)
    assert lane.report().state == "stopped"
    assert "SystemExit" in (lane.report().error or "")


def test_what_a_backend_lacks_is_counted(written):
    """Events without a hook are skipped, and the count says so."""
    written.writer.append(ParamsLogged(time=written.tick(), params={"a": 1, "b": 2}))
    written.rows(2)
    written.end()
    backend = MetricsOnly()
    lane = lane_of(written, backend)
    drain(lane)
    assert len(backend.points) == 2
    (record,) = read_records(written.folder)
    assert record.skipped == {"log_params": 2, "finish_run": 1}
    assert lane.report().skipped == 3


def test_a_resumed_run_is_opened_and_ended_again(written, backend):
    """A run that is resumed after its end is started again and its new end is told."""
    written.rows(1)
    written.end("failed")
    lane = lane_of(written, backend)
    drain(lane)
    written.writer.append(RunResumed(time=written.tick(), attempt="w2"))
    written.rows(1, first=1)
    lane.step()
    lane.step()
    assert backend.runs[written.id].resumed
    assert lane.report().state == "delivering"
    written.writer.append(RunEnded(time=written.tick(), status="finished", attempt="w2"))
    drain(lane)
    assert [end.status for end in backend.ends] == ["failed", "finished"]


def test_artifacts_get_versions_and_their_bytes(written, backend):
    """An artifact of the same name and other content is another version; the same content is not."""
    store = ArtifactStore(written.folder.artifacts)
    for content in (b"one", b"two", b"one"):
        entry = store.keep_bytes(content, "w.bin")
        written.writer.append(ArtifactLogged(time=written.tick(), name="w", type="model", files=(entry,)))
    drain(lane_of(written, backend))
    assert [artifact.version for artifact in backend.artifacts] == [1, 2, 1]
    assert [artifact.files[0].source.read_bytes() for artifact in backend.artifacts] == [b"one", b"two", b"one"]


def test_an_artifact_whose_bytes_are_gone_blocks_nothing(written, backend):
    """A missing file becomes a dead letter; what follows is delivered."""
    entry = ArtifactStore(written.folder.artifacts).keep_bytes(b"one", "w.bin")
    (written.folder.artifacts / entry.sha256).unlink()
    written.writer.append(ArtifactLogged(time=written.tick(), name="w", type="model", files=(entry,)))
    written.rows(1)
    lane = lane_of(written, backend)
    drain(lane)
    assert steps(backend) == [0]
    assert lane.report().rejected == 1


def test_two_writers_are_delivered_by_time(written, backend):
    """Two processes' points arrive in order of time, each exactly once."""
    other = written.new_writer("w9")
    for step in range(50):
        (other if step % 3 else written.writer).row_at(written.tick(), {"x": float(step)}, step)
    drain(lane_of(written, backend, points=7))
    assert steps(backend) == list(range(50))


def test_a_child_waits_for_its_parent(tmp_path, backend):
    """A child run is started after its parent, with the parent's place on the vendor."""
    parent = WrittenRun(tmp_path)
    child = WrittenRun(tmp_path, parent=parent.id)
    clock = Clock()
    lane = lane_of(child, backend, clock=clock)
    assert lane.step() == 0.2
    assert not backend.runs
    drain(lane_of(parent, backend))
    drain(lane, clock)
    assert backend.runs[child.id].parent.ref.id == f"vendor-{parent.id}"


def test_a_run_is_delivered_by_one_lane_at_a_time(written, backend):
    """A second lane of the same run and destination waits until the first lets go."""
    written.rows(2)
    clock = Clock()
    first, second = lane_of(written, backend), lane_of(written, backend, clock=clock)
    drain(first)
    assert second.step() == 1.0
    assert second.elsewhere
    first.close()
    clock.now += 2
    drain(second, clock)
    assert steps(backend) == [0, 1]


def test_notes_are_added_up_once(written, backend):
    """What a backend had to fit is counted once, however often the batch was tried."""
    written.rows(3)
    clock = Clock()
    lane = lane_of(written, backend, clock=clock)
    backend.fail_after["log_metrics"] = [RetryLater("lost"), RetryLater("lost")]
    drain(lane, clock)
    assert lane.report().notes == {"seen": 1}


def test_a_row_wider_than_a_call_is_split(written, backend):
    """One row with more metrics than a call may carry arrives in several calls with dense starts."""
    written.writer.row_at(written.tick(), {f"m{index}": float(index) for index in range(25)}, 1)
    drain(lane_of(written, backend, points=10))
    assert [point.name for point in backend.points] == [f"m{index}" for index in range(25)]
    assert [(batch.start, batch.position is not None) for batch in backend.batches] == [
        (0, False),
        (10, False),
        (20, True),
    ]


def test_an_environment_is_given_as_it_is(written, backend):
    """The captured environment reaches its own hook."""
    written.writer.append(EnvironmentCaptured(time=written.tick(), environment={"git": {"commit": "abc"}}))
    drain(lane_of(written, backend))
    assert backend.environments == [{"git": {"commit": "abc"}}]


def test_a_lane_is_done_only_when_its_record_says_so(written, backend, monkeypatch):
    """Whoever sees a lane done finds that in its file: a sync never reports less than it brought."""
    from trackhub.delivery.record import RecordFile

    written.rows(2)
    written.end()
    lane = lane_of(written, backend)
    seen, write = [], RecordFile.write

    def looked_at(file, record):
        seen.append(lane.done)
        write(file, record)

    monkeypatch.setattr(RecordFile, "write", looked_at)
    drain(lane)
    assert lane.done
    assert seen
    assert not any(seen)


def test_a_lane_that_needs_a_person_lets_go_of_the_run(written, backend):
    """While the training goes on, whoever mends the credentials can sync at once; then the lane goes on, too."""
    written.rows(2)
    backend.fail["start_run"] = [Unauthorized("the key is wrong")]
    halted = lane_of(written, backend)
    drain(halted)
    assert (halted.report().state, halted.elsewhere) == ("unauthorized", None)
    mended = lane_of(written, backend)
    drain(mended)
    mended.close()
    assert steps(backend) == [0, 1]
    assert halted.report().points == 2
    written.rows(2, first=2)
    drain(halted)
    assert steps(backend) == [0, 1, 2, 3]


def test_a_halted_lane_asks_nobody_until_somebody_got_through(written, backend):
    """What a person has to mend is not tried over and over."""
    written.rows(2)
    backend.fail["start_run"] = [Rejected("no such project"), Rejected("no such project")]
    lane = lane_of(written, backend)
    drain(lane)
    other = lane_of(written, backend)
    drain(other)
    assert [lane.step() for _ in range(3)] == [float("inf")] * 3
    assert lane.done
    assert backend.calls["start_run"] == 2


class BrokenError(ValueError):
    """Fail even at saying what is wrong."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("half a \udcff"),
        RetryLater("a date", retry_after_s="Wed, 21 Oct 2015 07:28:00 GMT"),
        RetryLater("no number", retry_after_s=float("nan")),
        RetryLater("a long page" * 10_000),
        BrokenError(),
    ],
)
def test_whatever_an_error_says_it_is_kept_and_tried_again(written, backend, error):
    """Text that is no UTF-8, a Retry-After that is no number: the lane says what it can, and goes on."""
    written.rows(1)
    clock = Clock()
    lane = lane_of(written, backend, clock=clock)
    backend.fail["log_metrics"] = [error]
    assert 0 <= lane.step() <= 60
    [record] = read_records(written.folder)
    assert record.state == "retrying"
    assert 0 < len(record.error) < 5000
    drain(lane, clock)
    assert steps(backend) == [0]
