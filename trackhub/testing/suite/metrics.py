"""Give series with steps of every kind; each point comes back once, where it stood."""

from __future__ import annotations

from collections.abc import Iterable

from trackhub.model.entities import MetricPoint
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import exact, expect, same, same_points
from trackhub.testing.gates import needs
from trackhub.testing.given import point
from trackhub.testing.sentences import states
from trackhub.types import Step


def _series(steps: Iterable[Step], name: str = "loss") -> list[MetricPoint]:
    """Return points a millisecond apart, no two of one value."""
    return [point(name, number / 3, step, ms=number) for number, step in enumerate(steps)]


class Metrics:
    """Check points, their order and their steps."""

    @states("M1")
    @needs("log_metrics", "read_metrics")
    def test_every_point_comes_back_once(self, bench: Bench) -> None:
        """Several series over several batches arrive whole, and nothing else does."""
        run = bench.begin()
        points = [one for step in range(20) for one in (*_series([step], "loss"), *_series([step], "acc"))]
        run.points(points, size=7)
        same_points(run.held(), points)

    @states("M2")
    @needs("log_metrics", "read_metrics")
    def test_a_series_keeps_its_order(self, bench: Bench) -> None:
        """Neither steps nor values nor batches bring points out of their order."""
        run = bench.begin()
        points = _series([5, 3, 9, 3, None, 1, 1, 8, 0, 2, None, 7])
        run.points(points, size=5)
        held = [exact(one.value) for one in run.held("loss")]
        same("the values of the series, in order", held, [exact(one.value) for one in points])

    @states("M3")
    @needs("log_metrics", "read_metrics")
    def test_repeated_steps_stay_repeated(self, bench: Bench) -> None:
        """A step's later value takes nobody's place."""
        run = bench.begin()
        points = _series([1, 1, 1, 2, 2])
        run.points(points, size=2)
        same_points(run.held(), points)

    @states("M4")
    @needs("log_metrics", "read_metrics")
    def test_decreasing_steps_stay(self, bench: Bench) -> None:
        """A step below one that was given before is a step like any other."""
        run = bench.begin()
        points = _series([10, 9, 5, 4, 0])
        run.points(points, size=2)
        same_points(run.held(), points)

    @states("M5")
    @needs("log_metrics", "read_metrics")
    def test_missing_steps_stay_missing(self, bench: Bench) -> None:
        """No step is made up, and none is dropped for want of one."""
        run = bench.begin()
        points = [*_series([None] * 4), *_series([1, None, 2, None], "mixed")]
        run.points(points, size=3)
        same_points(run.held(), points)

    @states("M6")
    @needs("log_metrics", "read_metrics")
    def test_fractional_steps_stay_fractions(self, bench: Bench) -> None:
        """Epochs are often counted in parts."""
        run = bench.begin()
        points = _series([0.25, 0.5, 1.75, 1e-9, 0.1])
        run.points(points)
        same_points(run.held(), points)

    @states("M7")
    @needs("log_metrics", "read_metrics")
    def test_large_and_negative_steps(self, bench: Bench) -> None:
        """Steps that no double holds, and those below zero, keep every digit."""
        run = bench.begin()
        points = _series([-1, -(2**40), 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
        run.points(points)
        same_points(run.held(), points)

    @states("M8")
    @needs("log_metrics", "read_metrics")
    def test_a_step_keeps_its_kind(self, bench: Bench) -> None:
        """An int step and a float step that are equal are told apart."""
        run = bench.begin()
        points = [*_series([3, 3.0]), *_series([1.0, 2.0], "whole")]
        run.points(points)
        same_points(run.held(), points)

    @states("M9")
    @needs("log_metrics", "read_metrics")
    def test_equal_points_are_counted(self, bench: Bench) -> None:
        """The same number logged twice in a millisecond is two points, in one batch or in two."""
        run = bench.begin()
        points = [point("reward", 0.0, 1) for _ in range(5)]
        run.points(points, size=3)
        same_points(run.held(), points)

    @states("M10")
    @needs("log_metrics", "read_metrics")
    def test_a_full_call_is_taken(self, bench: Bench) -> None:
        """As many points as the backend says it takes."""
        run = bench.begin()
        many = bench.target.spec.limits.points
        expect(many >= 1, f"Limits.points is {many}")
        points = _series(range(many))
        run.points(points, size=many)
        same_points(run.held(), points)

    @states("M11")
    @needs("log_metrics", "read_metrics")
    def test_a_long_series_is_not_sampled(self, bench: Bench) -> None:
        """More points than a page of any vendor come back, every one."""
        run = bench.begin()
        points = _series(range(2500))
        run.points(points, size=1000)
        same_points(run.held(), points)
