"""End runs, end them again, and give what comes late."""

from __future__ import annotations

from trackhub.testing.bench import Bench
from trackhub.testing.comparing import same, same_mapping, same_points, same_time
from trackhub.testing.gates import needs
from trackhub.testing.given import BEGAN, MS, GivenRun, point
from trackhub.testing.sentences import states
from trackhub.types import EndStatus

_STATUSES: tuple[EndStatus, ...] = ("finished", "failed", "killed", "crashed")


class Ending:
    """Check how runs end, and what may come after."""

    @states("E1")
    @needs("finish_run", "read_run")
    def test_each_status_comes_back(self, bench: Bench) -> None:
        """Four ways to end stay four."""
        for status in _STATUSES:
            run = bench.begin()
            run.end(status)
            same("the status", run.record().status, status)

    @states("E2")
    @needs("finish_run", "read_run")
    def test_the_end_time_comes_back(self, bench: Bench) -> None:
        """A run that is delivered years later ended when it ended."""
        run = bench.begin()
        run.end(ms=61_007)
        same_time("the end time", run.record().ended, BEGAN + 61_007 * MS)

    @states("E3")
    @needs("finish_run", "read_run")
    def test_the_reason_comes_back(self, bench: Bench) -> None:
        """Why a run failed is told, whatever the text and its length; and that there is no reason."""
        for reason in ("SIGTERM", "ValueError: é日🤖\n'x' != \"y\"", "long " * 3000, ""):
            run = bench.begin()
            run.end("failed", reason=reason)
            same("the reason", run.record().reason, reason)

    @states("E4")
    @needs("finish_run", "read_run")
    def test_the_same_end_again(self, bench: Bench) -> None:
        """An end that is told twice, here or in another process, is one end."""
        run = bench.begin()
        for _ in range(2):
            run.end("failed", ms=1234, reason="why")
            run.end("failed", ms=1234, reason="why")
            run.elsewhere()
        _ended(run, "failed", 1234, "why")

    @states("E5")
    @needs("finish_run", "read_run")
    def test_a_later_end_counts(self, bench: Bench) -> None:
        """A run that was thought to have crashed and then finished has finished, for no reason."""
        run = bench.begin()
        run.end("crashed", ms=1000, reason="it vanished")
        run.end("finished", ms=9000)
        _ended(run, "finished", 9000, "")

    @states("E6")
    @needs("read_run")
    def test_a_run_that_goes_on_is_running(self, bench: Bench) -> None:
        """Nothing but an end ends a run."""
        run = bench.begin()
        run.elsewhere()
        record = run.record()
        same("the status", record.status, "running")
        same("the end time", record.ended, None)

    @states("E7")
    @needs("finish_run", "read_run")
    def test_an_empty_run_can_end(self, bench: Bench) -> None:
        """A run that failed before it logged anything has failed."""
        run = bench.begin()
        run.elsewhere()
        run.end("failed", ms=1, reason="ImportError")
        _ended(run, "failed", 1, "ImportError")

    @states("L1")
    @needs("log_metrics", "finish_run", "read_metrics")
    def test_points_after_the_end(self, bench: Bench) -> None:
        """What another machine brings later belongs to the run."""
        run = bench.begin()
        points = [point("loss", number / 3, number, ms=number) for number in range(6)]
        run.points(points[:3])
        run.end("crashed", ms=4)
        run.points(points[3:])
        same_points(run.held(), points, times=True)

    @states("L2")
    @needs("log_params", "set_tags", "finish_run", "read_run")
    def test_params_and_tags_after_the_end(self, bench: Bench) -> None:
        """A note that is written after a run is kept with it."""
        run = bench.begin()
        run.end()
        run.elsewhere()
        run.params({"late": 1})
        run.tags({"verdict": "good"})
        record = run.record()
        same_mapping("param", record.params, {"late": 1})
        same_mapping("tag", record.tags, {"verdict": "good"})

    @states("L2")
    @needs("log_artifact", "finish_run", "list_artifacts", "download_artifact")
    def test_artifacts_after_the_end(self, bench: Bench) -> None:
        """A file that is brought later belongs to the run."""
        run = bench.begin()
        run.end()
        run.artifact("late", {"late": b"late"})
        same("the contents", run.contents(), {("late", "late", 1): b"late"})

    @states("L3")
    @needs("log_metrics", "finish_run", "read_run")
    def test_late_points_leave_the_end(self, bench: Bench) -> None:
        """A run that has ended does not run again for what comes late, and ended when it did."""
        run = bench.begin()
        run.end("killed", ms=2000, reason="SIGTERM")
        run.points([point("loss", 0.5, 1, ms=3000)])
        run.elsewhere()
        run.points([point("loss", 0.6, 2, ms=1000)])
        _ended(run, "killed", 2000, "SIGTERM")


def _ended(run: GivenRun, status: EndStatus, ms: int, reason: str) -> None:
    record = run.record()
    same("the status", record.status, status)
    same_time("the end time", record.ended, BEGAN + ms * MS)
    same("the reason", record.reason, reason)
