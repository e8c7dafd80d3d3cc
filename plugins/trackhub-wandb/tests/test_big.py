"""Bring a run of 200 000 points to W&B and back: repeated and falling steps, NaN, large integers, any name."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.logged import run_info
from support.oracle import differences
from trackhub_wandb.plugin import trackhub_backends
from trackhub_wandb.rows import rows_of
from wandb_server import WandbServer

from trackhub.model.entities import Batch, MetricPoint

_NAMES = ["loss", "val/acc", "größe λ", "a//b", "_hidden", "trackhub/step", "", "n" * 300, "tab\t", "日本語/🤖"]
_VALUES = [math.nan, math.inf, -math.inf, 2**80, -3, True, False, 5e-324, 1.7976931348623157e308, 0.0]


def large_run(count: int) -> list[MetricPoint]:
    """Return points as an odd training would log them."""
    points = []
    for number in range(count):
        value = number / 7 if number % 5 else _VALUES[number // 5 % 10]
        step = [number // 10, 1000 - number // 10, number // 1000, None, number / 4][number // 10 % 5]
        time = 1_790_000_000_000_000_000 + number // 10 * 1_000_000
        points.append(MetricPoint(_NAMES[number % 10], value, step, time))
    return points


@pytest.mark.parametrize("count", [10_000, pytest.param(200_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_a_large_run_arrives_and_comes_back_exactly(
    wandb_kind: WandbServer, worst: WandbServer, open_at: Any, count: int
):
    """Unsampled, each point with its step, type, digits and microsecond; on both servers."""
    (spec,) = trackhub_backends()
    points = large_run(count)
    for server in (wandb_kind, worst):
        backend = open_at(server, timeout_s=20)
        ref = backend.trackhub_start_run(run_info("p", run_id="a" * 32))
        for start in range(0, count, spec.limits.points):
            some = tuple(points[start : start + spec.limits.points])
            backend.trackhub_log_metrics(ref, some, Batch(start=start, position=f"at {start}"))
        assert differences(backend, ref, points=points, resolution_ns=1000) == []
        held = server.run("a" * 32)
        assert (len(held.history), held.copies) == (len(list(rows_of(points, 0, None))), 0)
