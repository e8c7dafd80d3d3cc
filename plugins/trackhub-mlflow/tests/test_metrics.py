"""Hold points to being there once each, as they were logged; against a real server, by the oracle."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.faultproxy import FaultProxy
from support.logged import START, point, run_info
from support.mlflow_server import MlflowServer
from support.oracle import differences
from trackhub_mlflow.plugin import trackhub_backends
from trackhub_mlflow.tail import position_of

from trackhub.model.entities import Batch, MetricPoint

LARGEST = 1.7976931348623157e308


def everything() -> list[MetricPoint]:
    """Return points of every kind that a journal can hold."""
    points = [point("usual", number / 3, number, ms=number) for number in range(20)]
    points += [point("epoch", number, number) for number in range(5)]
    points += [point("flag", bool(number % 2), number) for number in range(5)]
    points += [point("free", float(number)) for number in range(5)]
    points += [point("fraction", 1.0, number / 4) for number in range(8)]
    points += [point("whole", 1.0, float(number)) for number in range(3)]
    points += [point("mixed", value, 1) for value in (0.0, 0, False, 1.5, 10**20)]
    points += [point("end", value, 1) for value in (math.inf, LARGEST, -math.inf, -LARGEST, math.nan, 10**400)]
    points += [point("exact", 2**60 + number, number) for number in range(5)]
    points += [point("steps", 0.5, step) for step in (5, 5, 4, -1, 2**63, -(2**63), 2**70, None, 0.5)]
    points += [point("same", 0.0, 1) for _ in range(7)]
    points += [point(name, 1.0, 1) for name in ("a#b", "//", "..", "é", "n" * 300, "n" * 301, " ")]
    return points


def give(backend: Any, ref: Any, points: list[MetricPoint], *, size: int = 17, redelivered: bool = False) -> None:
    for start in range(0, len(points), size):
        some = tuple(points[start : start + size])
        position = f"at {start + len(some)}"
        backend.trackhub_log_metrics(ref, some, Batch(start=start, redelivered=redelivered, position=position))


def test_every_kind_of_point_comes_back(backend: Any, project: str):
    """Values, types, steps, milliseconds and counts are those that were logged."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    give(backend, ref, everything())
    assert differences(backend, ref, points=everything()) == []
    assert backend.trackhub_start_run(run).position == f"at {len(everything())}"


def test_points_given_again_change_nothing(remote: Any, open_at: Any, server: MlflowServer, project: str):
    """All batches a second time, by a process that remembers nothing, leave the same points."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    give(remote, ref, everything())
    again = open_at(server.url)
    again.trackhub_start_run(run)
    give(again, ref, everything(), redelivered=True)
    assert differences(again, ref, points=everything()) == []


def test_equal_points_are_counted_across_batches_and_processes(
    remote: Any, open_at: Any, server: MlflowServer, project: str
):
    """MLflow holds one of them; the others are beside, though another process gave the first."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    same = point("reward", 0.0, 1)
    notes = remote.trackhub_log_metrics(ref, (same, same), Batch(start=0))
    assert [note.kind for note in notes] == ["beside"]
    other = open_at(server.url)
    other.trackhub_log_metrics(ref, (same, same), Batch(start=2))
    other.trackhub_log_metrics(ref, (same, same), Batch(start=2, redelivered=True))
    assert differences(remote, ref, points=[same] * 4) == []


def test_the_position_is_there_only_with_the_points(open_at: Any, proxy: FaultProxy, raw: Any, project: str):
    """Points, position and tail go in one request of at most 1000 entities: a full batch is not split."""
    (spec,) = trackhub_backends()
    backend = open_at(proxy.url)
    ref = backend.trackhub_start_run(run_info(project))
    points = tuple(point("a", float(number), number) for number in range(spec.limits.points))
    backend.trackhub_log_metrics(ref, points, Batch(start=0, position="full"))
    assert proxy.count("/api/2.0/mlflow/runs/log-batch") == 1
    assert position_of(raw.get_run(ref.id).data.tags) == "full"
    assert differences(backend, ref, points=points) == []


def test_mlflows_own_page_shows_what_was_meant(remote: Any, raw: Any, project: str):
    """Usual points are plain MLflow rows; a missing step is the place in the run, a fractional one its floor."""
    ref = remote.trackhub_start_run(run_info(project))
    points = (
        point("loss", 0.5, 7),
        point("free", 1.0),
        point("free", 1.0),
        point("part", 1.0, 2.5),
        point("inf", math.inf, 1),
    )
    remote.trackhub_log_metrics(ref, points, Batch(start=100))
    held = {
        key: [(row.value, row.step) for row in raw.get_metric_history(ref.id, key)]
        for key in ("loss", "free", "part", "inf")
    }
    assert held == {"loss": [(0.5, 7)], "free": [(1.0, 101), (1.0, 102)], "part": [(1.0, 2)], "inf": [(LARGEST, 1)]}
    assert {row.timestamp for row in raw.get_metric_history(ref.id, "free")} == {START // 1_000_000}


def test_last_values_are_read_with_their_types(backend: Any, project: str):
    """Infinity, a flag, and an integer that no double holds are told as they were."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    values = {"loss": 0.5, "inf": -math.inf, "flag": True, "epoch": 3, "exact": 2**60 + 1}
    backend.trackhub_log_metrics(ref, tuple(point(name, value, 1) for name, value in values.items()), Batch(start=0))
    record = backend.trackhub_read_run(run.id, project)
    assert {name: repr(value) for name, value in record.metrics.items()} == {
        name: repr(value) for name, value in values.items()
    }


def test_a_series_keeps_its_kind_in_another_process(remote: Any, open_at: Any, server: MlflowServer, project: str):
    """Floats that came before a restart do not turn into what comes after it."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    first, then = point("a", 1.0, 1), point("a", 2, None, ms=1)
    remote.trackhub_log_metrics(ref, (first,), Batch(start=0))
    open_at(server.url).trackhub_log_metrics(ref, (then,), Batch(start=1))
    assert differences(remote, ref, points=[first, then]) == []


@pytest.mark.timeout(180)
def test_a_long_series_is_read_whole(remote: Any, project: str):
    """Nothing is sampled or cut at a page."""
    ref = remote.trackhub_start_run(run_info(project))
    points = [point("a", float(number), number, ms=number) for number in range(6000)]
    give(remote, ref, points, size=998)
    assert differences(remote, ref, points=points) == []
