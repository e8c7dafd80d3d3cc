"""Give the same again by the hooks: in one process, in another, whole and in pieces."""

from __future__ import annotations

import msgspec

from trackhub.model.entities import Batch, MetricPoint, RunInfo
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_points
from trackhub.testing.gates import needs
from trackhub.testing.given import BEGAN, GivenRun, place_after, point
from trackhub.testing.sentences import states

_POINTS = tuple(point("loss", number // 2, number // 3, ms=number // 4) for number in range(12))
"""Points of which some are equal but for their place."""


class Again:
    """Check that nothing is lost or doubled where a hook is called again."""

    @states("D1")
    @needs("log_metrics", "read_metrics")
    def test_what_is_acknowledged_is_there(self, bench: Bench) -> None:
        """Nothing is held back until a flush, an end or the next call."""
        run = bench.begin()
        for start in (0, 4, 8):
            run.batch(_POINTS[start : start + 4], start=start)
            same_points(run.held(), _POINTS[: start + 4])

    @states("D1")
    @needs("log_params", "set_tags", "finish_run", "read_run")
    def test_what_is_acknowledged_of_a_run_is_there(self, bench: Bench) -> None:
        """Params, tags and the end are with the vendor as soon as their hooks return."""
        run = bench.begin()
        run.params({"depth": 4})
        same("the params", run.record().params, {"depth": 4})
        run.tags({"phase": "one"})
        same("the tags", run.record().tags, {"phase": "one"})
        run.end("failed")
        same("the status", run.record().status, "failed")

    @states("D2")
    @needs("log_metrics", "read_metrics")
    def test_a_batch_again_in_one_process(self, bench: Bench) -> None:
        """A batch whose answer was lost is given again and is there once."""
        run = bench.begin()
        run.batch(_POINTS[:6], start=0)
        run.batch(_POINTS[6:], start=6)
        run.batch(_POINTS[6:], start=6, redelivered=True)
        same_points(run.held(), _POINTS)

    @states("D3")
    @needs("log_metrics", "read_metrics")
    def test_a_batch_again_in_another_process(self, bench: Bench) -> None:
        """A process that remembers nothing knows what the vendor has, and goes on behind it."""
        run = bench.begin()
        run.batch(_POINTS[:6], start=0)
        for _ in range(2):
            run.elsewhere()
            run.batch(_POINTS[:6], start=0, redelivered=True)
        run.batch(_POINTS[6:], start=6)
        same_points(run.held(), _POINTS)

    @states("D4")
    @needs("log_metrics", "read_metrics")
    def test_a_batch_again_in_pieces(self, bench: Bench) -> None:
        """A batch that is taken apart, because nobody knows what it fails at, is there once."""
        run = bench.begin()
        run.batch(_POINTS, start=0)
        for start, end in ((0, 6), (6, 9), (9, 12)):
            run.batch(_POINTS[start:end], start=start, redelivered=True)
        same_points(run.held(), _POINTS)

    @states("D4")
    @needs("log_metrics", "read_metrics")
    def test_a_batch_whole_after_its_pieces(self, bench: Bench) -> None:
        """A batch of which a part was taken is completed."""
        run = bench.begin()
        run.batch(_POINTS[:3], start=0)
        run.elsewhere()
        run.batch(_POINTS[3:7], start=3)
        run.elsewhere()
        run.batch(_POINTS[3:], start=3, redelivered=True)
        same_points(run.held(), _POINTS)

    @states("D8")
    @needs("log_metrics", "read_metrics")
    def test_everything_again_from_the_beginning(self, bench: Bench) -> None:
        """A delivery that lost its cursor gives all again, cut otherwise and not marked; it is there once."""
        run = bench.begin()
        run.points(_POINTS, size=5)
        run.elsewhere()
        run.batch(_POINTS[:7], start=0)
        run.batch(_POINTS[7:], start=7)
        same_points(run.held(), _POINTS)

    @states("D9")
    @needs("log_metrics")
    def test_the_newest_position_comes_back(self, bench: Bench) -> None:
        """A backend that keeps a position tells the newest one it took, to every process."""
        run = bench.begin()
        for start in (0, 4, 8):
            run.batch(_POINTS[start : start + 4], start=start)
            kept = run.elsewhere().position
            if kept is None:
                bench.unsupported("the vendor keeps no position")
            same("the position", kept, place_after(start + 4))

    @states("D9")
    @needs("log_metrics")
    def test_a_batch_without_a_position_keeps_the_one_before(self, bench: Bench) -> None:
        """The first part of a batch that is cut in two has no position of its own."""
        run = bench.begin()
        run.batch(_POINTS[:4], start=0)
        run.calls.log_metrics(run.ref, _POINTS[4:6], Batch(start=4))
        kept = run.elsewhere().position
        if kept is None:
            bench.unsupported("the vendor keeps no position")
        same("the position", kept, place_after(4))

    @states("D10")
    @needs("log_metrics", "read_metrics")
    def test_the_position_is_not_ahead_of_the_points(self, bench: Bench) -> None:
        """A call that fails half-way is given again, also by a process that lost its cursor and trusts the position."""
        run = bench.begin()
        run.batch(_POINTS[:4], start=0)
        # Nothing can write a lone surrogate, so a call may well fail at the second point.
        poisoned = (_POINTS[4], MetricPoint("\ud800", 0.5, 1, BEGAN), _POINTS[5])
        try:
            run.batch(poisoned, start=4)
        except Exception:  # noqa: BLE001 - which error is not promised
            failed = True
        else:
            failed = False
        if not failed:
            bench.unsupported("no call of it could be made to fail half-way")
        kept = run.elsewhere().position
        expect(kept in {None, place_after(4)}, f"a call that raised left the position {kept}")
        run.batch(_POINTS[4:], start=4)
        same_points(run.held(), _POINTS)

    @states("D11")
    @needs("finish_run", "read_run")
    def test_a_resumed_run_is_the_same_run(self, bench: Bench) -> None:
        """A run that goes on after a preemption is running again, and is no second one."""
        run = bench.begin()
        run.end("killed", reason="SIGTERM")
        ref = run.elsewhere(_resumed(run))
        same("RunRef.id", ref.id, run.ref.id)
        record = run.record()
        same("the status", record.status, "running")
        same("the end time", record.ended, None)

    @states("D12")
    @needs("log_metrics", "finish_run", "read_metrics")
    def test_a_resumed_run_goes_on(self, bench: Bench) -> None:
        """Points before and after the resume stand in one series, and the last end counts."""
        run = bench.begin()
        points = tuple(point("loss", number / 3, number, ms=number) for number in range(8))
        run.batch(points[:4], start=0)
        run.end("crashed", ms=100)
        run.elsewhere(_resumed(run))
        run.batch(points[4:], start=4)
        run.end("finished", ms=200)
        same_points(run.held(), points, times=True)
        same("the steps, in order", [one.step for one in run.held("loss")], list(range(8)))
        if bench.read.can("read_run"):
            same("the status", run.record().status, "finished")


def _resumed(run: GivenRun) -> RunInfo:
    return msgspec.structs.replace(run.info, resumed=True)
