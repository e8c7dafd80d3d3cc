"""What a run registers reaches a backend after its artifact, once, and behind everything that was before."""

from __future__ import annotations

import pytest
from testing.reference import ReferenceBackend

import trackhub
from trackhub import hookimpl
from trackhub.backend import Destination, Options
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.delivery.record import revive
from trackhub.errors import Rejected, RetryLater
from trackhub.hookspec import PREFIX
from trackhub.model.entities import AliasMove, ModelAlias, ModelVersion, RunRef
from trackhub.plugins.lanehooks import LaneHooks


class Failing(ReferenceBackend):
    """Fail as it is told: before the vendor has it, or when only the answer is lost."""

    def __init__(self, destination: Destination, options: Options) -> None:
        super().__init__(destination, options)
        self.before: list[Exception] = []
        self.after: list[Exception] = []

    @hookimpl
    def trackhub_register_model_version(self, ref: RunRef, version: ModelVersion) -> None:
        if self.before:
            raise self.before.pop()
        super().trackhub_register_model_version(ref, version)

    @hookimpl
    def trackhub_set_model_alias(self, ref: RunRef, alias: ModelAlias) -> None:
        super().trackhub_set_model_alias(ref, alias)
        if self.after:
            raise self.after.pop()


class WithoutRegistry:
    """Take runs and files, and have no registry."""

    def __init__(self, backend: ReferenceBackend) -> None:
        for name in dir(backend):
            if name.startswith(PREFIX) and "model" not in name:
                setattr(self, name, getattr(backend, name))


@pytest.fixture
def backend(tmp_path):
    return Failing(Destination.parse(f"reference://vendor{tmp_path / 'vendor'}"), Options())


@pytest.fixture
def run():
    with trackhub.start_run(project="p", capture=False) as run:
        run.log_text("one", name="w")
        run.log({"loss": 0.5}, step=1)
        run.log_text("two", name="w")
        run.register_model("m", artifact="w", aliases=["best"])
    return run


def deliver(run, backend):
    destination = Destination.parse("reference://vendor")
    waited = [0.0]
    calls = LaneHooks(backend, destination, ReferenceBackend.limits, "the tests")
    lane = RunLane(run.folder, calls, Surroundings(clock=lambda: waited[0], random=lambda: 0.0))
    for _ in range(100):
        waited[0] += lane.step() + 0.1
        if lane.drained:
            break
    lane.close()
    return lane.report()


def told(backend):
    return [(one.version, one.aliases, len(one.moves)) for one in backend.trackhub_read_models("m")]


def test_a_version_arrives_with_its_number_and_alias(run, backend):
    """The second content of the artifact is what was registered; a lost answer registers and moves nothing twice."""
    backend.before.append(RetryLater("away"))
    backend.after.append(RetryLater("the answer was lost"))
    assert deliver(run, backend).complete
    assert told(backend) == [(2, ("best",), 1)]


def test_a_move_long_after_the_end_is_delivered_by_the_next_sync(run, backend):
    """And leaves the run's end alone."""
    deliver(run, backend)
    trackhub.set_model_alias("m", "best", run)
    trackhub.set_model_alias("m", "prod", run)
    report = deliver(run, backend)
    assert (report.complete, report.rejected, told(backend)) == (True, 0, [(2, ("best", "prod"), 3)])
    assert backend.trackhub_read_run(run.id, "p").status == "finished"


def test_a_version_that_is_refused_is_a_dead_letter_and_can_be_given_again(run, backend):
    """Its alias is refused with it; both are there once the vendor has thought better of it."""
    backend.before.append(Rejected("the registry is closed"))
    report = deliver(run, backend)
    assert (report.rejected, told(backend)) == (2, [])
    revive(run.folder, Destination.parse("reference://vendor"))
    report = deliver(run, backend)
    assert (report.rejected, told(backend)) == (0, [(2, ("best",), 1)])


def test_a_backend_without_a_registry_skips_and_says_so(run, backend):
    """The rest of the run arrives."""
    report = deliver(run, WithoutRegistry(backend))
    assert (report.complete, report.skipped, report.rejected) == (True, 2, 0)
    assert backend.trackhub_read_run(run.id, "p").metrics == {"loss": 0.5}


def test_times_arrive_as_they_were(run, backend):
    """To the nanosecond, as the journal has them."""
    deliver(run, backend)
    [ours], [theirs] = trackhub.models(), backend.trackhub_read_models("m")
    assert (theirs.time, theirs.moves) == (ours.time, ours.moves)
    assert isinstance(theirs.moves[0], AliasMove)
