"""Give again what was refused: taken once, or a dead letter as before."""

from __future__ import annotations

import contextlib
import math

import pytest
from support.fakes import FakeBackend, calls_to
from support.journals import WrittenRun

from trackhub import hookimpl
from trackhub.delivery.deadletters import DeadLetters
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.delivery.lock import RunLock
from trackhub.delivery.record import RecordFile, read_records, revive
from trackhub.errors import Rejected, RetryLater, RunLocked
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.journal import encode_position
from trackhub.model.entities import MetricPoint
from trackhub.model.events import ArtifactLogged, EnvironmentCaptured, ParamsLogged, RunEnded, RunResumed, TagsSet


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


def test_one_that_still_fails_blocks_no_other(written, backend):
    """A letter that makes the vendor's client fail is a letter again; the others, and the run's end, go through."""
    for name in ("bad", "quota", "ok"):
        written.writer.append(ParamsLogged(time=written.tick(), params={name: 1}))
    written.end()
    backend.poison, backend.poison_error = {"bad", "quota"}, ValueError
    assert deliver(written, backend).rejected == 2
    backend.poison = {"bad"}
    revive(written.folder, calls_to(backend).destination)
    report = deliver(written, backend)
    assert (report.state, report.rejected, list(backend.params)) == ("delivered", 1, ["ok", "quota"])
    written.writer.append(RunResumed(time=written.tick(), attempt="w2"))
    written.writer.append(RunEnded(time=written.tick(), status="failed", attempt="w2"))
    deliver(written, backend)
    assert backend.ends[-1].status == "failed"


def test_equal_points_are_all_given_again(written, backend):
    """Three equal points that were refused are three letters, and three points at last."""
    time = written.tick()
    for _ in range(3):
        written.writer.row_at(time, {"bad": 1.0}, 1)
    written.end()
    backend.poison = {"bad"}
    assert deliver(written, backend).rejected == 3
    assert len(letters(written)) == 3
    backend.poison = set()
    revive(written.folder, calls_to(backend).destination)
    assert deliver(written, backend).rejected == 0
    assert sum(point.name == "bad" for point in backend.points) == 3


def test_a_batch_that_is_judged_twice_leaves_one_letter_each(written, backend):
    """Killed after the letters were written and before the cursor moved, the same ones are not added again."""
    for _ in range(2):
        written.writer.row_at(written.now, {"bad": 1.0}, 1)
    backend.poison = {"bad"}
    lane = RunLane(written.folder, calls_to(backend), Surroundings(failed=interrupted))
    with pytest.raises(KeyboardInterrupt):
        lane.step()
    lane.close()
    assert len(letters(written)) == 2
    assert deliver(written, backend).rejected == 2
    assert len(letters(written)) == 2


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_int_of_thousands_of_digits_is_a_letter_like_any(written, backend):
    """What no vendor can hold stops no lane, and comes back with every digit."""
    written.writer.append(ParamsLogged(time=written.tick(), params={"bad": [10**5000 + 7]}))
    written.rows(1)
    written.end()
    backend.poison = {"bad"}
    report = deliver(written, backend)
    assert (report.state, report.rejected, len(backend.points)) == ("delivered", 1, 1)
    backend.poison = set()
    revive(written.folder, calls_to(backend).destination)
    deliver(written, backend)
    assert backend.params["bad"].value == [10**5000 + 7]


def test_a_full_disk_holds_a_batch_back_until_its_letters_are_kept(written, backend, monkeypatch):
    """Nothing goes on while a refusal cannot be kept; the vendor is not asked again for that."""
    written.writer.append(ParamsLogged(time=written.tick(), params={"bad": 1, "good": 2}))
    backend.poison = {"bad"}
    real, full = DeadLetters.add, [OSError(28, "No space left on device")] * 2

    def add(self, fresh):
        if full:
            raise full.pop()
        real(self, fresh)

    monkeypatch.setattr(DeadLetters, "add", add)
    assert deliver(written, backend).rejected == 1
    assert not full
    assert len(letters(written)) == 1
    assert backend.calls["log_params"] == 3  # together, then each alone


def test_letters_outlive_the_record(written, backend):
    """Where the record was lost and the vendor keeps its place, what it refused is counted and can be given again."""
    poisoned(written, backend)
    destination = calls_to(backend).destination
    backend.position = encode_position(read_records(written.folder)[0].cursor)
    RecordFile(written.folder, destination.slug).path.unlink()
    assert revive(written.folder, destination)
    backend.poison = set()
    assert deliver(written, backend).rejected == 0
    assert backend.params["bad"].value == 2**80
    assert not letters(written)


def test_letters_of_what_is_delivered_anew_are_dropped(written, backend):
    """Without record and place all is given and judged again: nothing is given twice, refused or not."""
    poisoned(written, backend)
    destination = calls_to(backend).destination
    RecordFile(written.folder, destination.slug).path.unlink()
    backend.poison, backend.placed = set(), {}
    assert deliver(written, backend).rejected == 0
    assert not letters(written)
    assert not revive(written.folder, destination)
    assert sum(point.name == "bad" for point in backend.points) == 2


def test_what_goes_on_meanwhile_waits_for_letters_under_way(written, backend):
    """Letters whose answer was lost keep their places: nothing new is put there before they are through."""
    poisoned(written, backend)
    backend.poison = set()
    revive(written.folder, calls_to(backend).destination)
    lane = RunLane(written.folder, calls_to(backend))
    backend.fail["log_metrics"] = [KeyboardInterrupt()]
    with contextlib.suppress(KeyboardInterrupt):
        for _ in range(100):
            lane.step()
    lane.close()
    written.rows(2, first=20)
    deliver(written, backend)
    assert [point.name for point in backend.points[-4:]] == ["bad", "bad", "loss", "loss"]


def test_a_run_with_nothing_refused_is_in_nobodys_way(written, backend):
    """Somebody delivers it now: there is nothing to give again, so there is nothing to wait for."""
    written.rows(1)
    deliver(written, backend)
    destination = calls_to(backend).destination
    lock = RunLock(written.folder.delivery / f"{destination.slug}.lock")
    assert lock.take()
    try:
        assert not revive(written.folder, destination)
    finally:
        lock.release()
