"""Give again what was refused: taken once, or a dead letter as before."""

from __future__ import annotations

import contextlib
import math

import pytest
from support.fakes import FakeBackend, calls_to
from support.journals import WrittenRun

from trackhub import hookimpl
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.delivery.lock import RunLock
from trackhub.delivery.record import read_records, revive
from trackhub.errors import Rejected, RetryLater, RunLocked
from trackhub.journal.artifacts import ArtifactStore
from trackhub.model.entities import MetricPoint
from trackhub.model.events import ArtifactLogged, EnvironmentCaptured, ParamsLogged, TagsSet


class Placing(FakeBackend):
    """Keep each point at its place; what was refused leaves a gap."""

    def __init__(self) -> None:
        super().__init__()
        self.placed: dict[int, MetricPoint] = {}
        self.poison_error = Rejected

    @hookimpl
    def trackhub_log_metrics(self, ref, points, batch) -> None:
        self._begin("log_metrics")
        self._check([point.name for point in points])
        self.batches.append(batch)
        self.placed |= dict(enumerate(points, batch.start))
        self.points = [point for _, point in sorted(self.placed.items())]
        self._raise(self.fail_after, "log_metrics")


@pytest.fixture
def written(tmp_path) -> WrittenRun:
    return WrittenRun(tmp_path)


@pytest.fixture
def backend() -> FakeBackend:
    return Placing()


def deliver(written: WrittenRun, backend: FakeBackend):
    """Deliver by a lane of its own, as another process does."""
    now = [100.0]
    lane = RunLane(written.folder, calls_to(backend), Surroundings(clock=lambda: now[0], random=lambda: 0.0))
    for _ in range(200):
        wait = lane.step()
        if lane.drained:
            break
        now[0] += wait
    lane.close()
    return lane.report()


def letters(written: WrittenRun) -> list[str]:
    return [line for path in written.folder.delivery.glob("*.dead.jsonl") for line in path.read_text().splitlines()]


def poisoned(written: WrittenRun, backend: FakeBackend) -> None:
    """Log good and bad entries of each kind, and deliver them."""
    written.writer.append(ParamsLogged(time=written.tick(), params={"good": 1, "bad": 2**80}))
    written.writer.append(TagsSet(time=written.tick(), tags={"good": "a"}))
    written.rows(3)
    written.writer.row_at(written.tick(), {"bad": math.nan}, 7)
    written.writer.row_at(written.tick(), {"bad": 2**70}, 8)
    written.rows(2, first=3)
    written.end()
    backend.poison = {"bad"}
    assert deliver(written, backend).rejected == 3


def test_what_was_refused_is_given_again(written, backend):
    """Once the vendor takes it, it has it: with its value, step and time, and no letter is left."""
    poisoned(written, backend)
    backend.poison = set()
    [destination] = [calls_to(backend).destination]
    assert revive(written.folder, destination)
    report = deliver(written, backend)
    assert (report.rejected, report.state, letters(written)) == (0, "delivered", [])
    assert backend.params["bad"].value == 2**80
    bad = [(repr(point.value), point.step) for point in backend.points if point.name == "bad"]
    assert bad == [("nan", 7), (repr(2**70), 8)]
    assert len(backend.ends) == 2
    assert not revive(written.folder, destination)


def test_what_is_refused_again_stays(written, backend):
    """A letter that stays dead is kept with its newest reason, once, and counted once."""
    poisoned(written, backend)
    before = letters(written)
    revive(written.folder, calls_to(backend).destination)
    assert deliver(written, backend).rejected == 3
    assert sorted(letters(written)) == sorted(before)


def test_a_vendor_that_is_away_costs_nothing(written, backend):
    """While it cannot be reached, the letters wait; then each arrives once."""
    poisoned(written, backend)
    backend.poison = set()
    revive(written.folder, calls_to(backend).destination)
    backend.fail["log_metrics"] = [RetryLater("away"), RetryLater("away")]
    report = deliver(written, backend)
    assert (report.rejected, report.state) == (0, "delivered")
    assert sum(point.name == "bad" for point in backend.points) == 2


def test_an_answer_that_was_lost_is_asked_for_again_as_such(written, backend):
    """Killed between the vendor's acknowledgement and our own note of it, the same points go to the same places."""
    poisoned(written, backend)
    backend.poison = set()
    revive(written.folder, calls_to(backend).destination)
    lane = RunLane(written.folder, calls_to(backend))
    backend.fail_after["log_metrics"] = [KeyboardInterrupt()]
    with contextlib.suppress(KeyboardInterrupt):
        for _ in range(100):
            lane.step()
    lane.close()
    assert not backend.fail_after["log_metrics"]
    assert deliver(written, backend).rejected == 0
    assert sum(point.name == "bad" for point in backend.points) == 2
    assert backend.batches[-1].redelivered
    assert backend.batches[-1].start == backend.batches[-2].start


def test_artifacts_and_environment_too(written, backend):
    """A file that an artifact store was away for goes up at last, as the version it is."""
    entry = ArtifactStore(written.folder.artifacts).keep_bytes(b"x", "weights.bin")
    written.writer.append(ArtifactLogged(time=written.tick(), name="weights", type="model", files=(entry,)))
    written.writer.append(EnvironmentCaptured(time=written.tick(), environment={"host": {"name": "n"}}))
    written.end()
    backend.fail["log_artifact"] = [Rejected("no space")]
    backend.fail["log_environment"] = [Rejected("no space")]
    assert deliver(written, backend).rejected == 2
    revive(written.folder, calls_to(backend).destination)
    assert deliver(written, backend).rejected == 0
    assert [(one.name, one.version) for one in backend.artifacts] == [("weights", 1)]
    assert backend.environments == [{"host": {"name": "n"}}]


def test_what_goes_on_meanwhile_comes_first(written, backend):
    """A run that was resumed delivers what is new, then the letters."""
    poisoned(written, backend)
    backend.poison = set()
    written.rows(2, first=10)
    revive(written.folder, calls_to(backend).destination)
    deliver(written, backend)
    assert [point.name for point in backend.points[-2:]] == ["bad", "bad"]
    assert sum(point.name == "loss" for point in backend.points) == 7


def test_a_run_that_is_being_delivered_is_left_alone(written, backend):
    """Another process has the run: it is not to be disturbed, and the message says who it is."""
    poisoned(written, backend)
    destination = calls_to(backend).destination
    lock = RunLock(written.folder.delivery / f"{destination.slug}.lock")
    assert lock.take()
    try:
        with pytest.raises(RunLocked, match="try again when it is done"):
            revive(written.folder, destination)
    finally:
        lock.release()
    assert read_records(written.folder)[0].revive == ""
