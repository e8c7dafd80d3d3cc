"""Give numbers of every kind and time; each comes back as the very same."""

from __future__ import annotations

import math
import struct
from typing import Any

from trackhub.model.entities import MetricPoint
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import exact, same, same_points
from trackhub.testing.gates import needs
from trackhub.testing.given import BEGAN, MS, point
from trackhub.testing.sentences import states

_FLOATS = (0.1, 1 / 3, -2.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e16, 123456789.123456789, 0.0)
_FLAGS = (True, False, True)


class Values:
    """Check numbers and times."""

    @states("V1")
    @needs("log_metrics", "read_metrics")
    def test_floats_keep_their_bits(self, bench: Bench) -> None:
        """No float is rounded, cut or printed on its way."""
        _round_trip(bench, *_FLOATS, *(struct.unpack("<d", struct.pack("<d", math.pi * 10**n))[0] for n in range(9)))

    @states("V2")
    @needs("log_metrics", "read_metrics")
    def test_nan_comes_back(self, bench: Bench) -> None:
        """A loss that is no number any more is a point like any other."""
        _round_trip(bench, 1.0, math.nan, math.nan, 2.0)

    @states("V3")
    @needs("log_metrics", "read_metrics")
    def test_infinity_comes_back(self, bench: Bench) -> None:
        """Both infinities stay apart from each other and from the largest numbers."""
        _round_trip(bench, math.inf, -math.inf, 1.7976931348623157e308, -1.7976931348623157e308)

    @states("V4")
    @needs("log_metrics", "read_metrics")
    def test_ints_stay_ints(self, bench: Bench) -> None:
        """A count of epochs is an int when it is read."""
        _round_trip(bench, 0, 1, -1, 2**31, 2**53)

    @states("V5")
    @needs("log_metrics", "read_metrics")
    def test_ints_keep_every_digit(self, bench: Bench) -> None:
        """Tokens and seeds exceed what a double can hold."""
        _round_trip(bench, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 + 1, 10**40 + 1, 10**400)

    @states("V6")
    @needs("log_metrics", "read_metrics")
    def test_bools_stay_bools(self, bench: Bench) -> None:
        """A flag is no number when it is read."""
        _round_trip(bench, *_FLAGS)

    @states("V7")
    @needs("log_metrics", "read_metrics")
    def test_kinds_mix_in_a_series(self, bench: Bench) -> None:
        """A series that begins with ints may go on with floats."""
        _round_trip(bench, 1, 1.0, *_FLAGS, 0, 0.5, 2**60 + 1, math.nan, 1)

    @states("T1")
    @needs("log_metrics", "read_metrics")
    def test_times_to_the_millisecond(self, bench: Bench) -> None:
        """Points of long ago, some a millisecond and some a year apart, keep their times."""
        run = bench.begin()
        apart = (0, 1, 2, 999, 1000, 1001, 86_400_007, 31_536_000_003)
        points = [point("loss", number / 7, number, ms=ms) for number, ms in enumerate(apart)]
        run.points(points)
        same_points(run.held(), points, times=True)

    @states("T2")
    @needs("log_metrics", "read_metrics")
    def test_times_that_go_back(self, bench: Bench) -> None:
        """A clock that is set back loses no point."""
        run = bench.begin()
        points = [MetricPoint("loss", n / 7, n, BEGAN + ms * MS) for n, ms in enumerate((500, 400, 450, -1000, 3))]
        run.points(points, size=2)
        same_points(run.held(), points, times=True)


def _round_trip(bench: Bench, *values: Any) -> None:
    run = bench.begin()
    run.points([point("value", value, number, ms=number) for number, value in enumerate(values)])
    held = {one.step: exact(one.value) for one in run.held("value")}
    same("the values, by step", held, {number: exact(value) for number, value in enumerate(values)})
