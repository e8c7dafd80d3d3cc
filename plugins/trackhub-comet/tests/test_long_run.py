"""Deliver runs that are longer than what Comet keeps of a metric, and read every point back."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from comet_server import WORST, comet_server
from comet_stage import expected_rows, held_rows
from support.faultproxy import DROP
from support.oracle import differences

from trackhub.errors import DeliveryError
from trackhub.model.entities import Batch, MetricPoint, RunInfo
from trackhub.model.ids import new_run_id

_BEGAN = 1_700_000_000_123_000_000
_NAMES = ("loss", "größe λ", "val/acc", "a//b", "日本語/🤖", "train loss ", "n" * 150)
_SIZE = 999


def long_points(count: int) -> list[MetricPoint]:
    """Return points of a few series: repeated, decreasing and missing steps, NaN, infinities, ints and flags."""
    draw = random.Random(count)
    odd = (math.nan, math.inf, -math.inf, 2**60 + 1, True, 7, -0.25)
    points = []
    for place in range(count):
        name = "loss" if draw.random() < 0.6 else draw.choice(_NAMES)
        value = odd[place % 7] if draw.random() < 0.05 else draw.random() / (place + 1)
        step = draw.choice((place, place // 3, count - place, None, place / 4)) if draw.random() < 0.1 else place // 2
        points.append(MetricPoint(name, value, step, _BEGAN + place * 1_700_000))
    return points


def start(backend: Any) -> tuple[RunInfo, Any]:
    run = RunInfo(id=new_run_id(), name="long", project="long", started=_BEGAN)
    return run, backend.trackhub_start_run(run)


def give(backend: Any, ref: Any, points: list[MetricPoint], first: int = 0) -> None:
    for begin in range(first, len(points), _SIZE):
        piece = tuple(points[begin : begin + _SIZE])
        backend.trackhub_log_metrics(ref, piece, Batch(start=begin, position=f"behind {begin}"))


@pytest.mark.parametrize("count", [26_000, pytest.param(200_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_a_long_run_is_read_back_whole_where_the_server_samples(open_at: Any, count: int):
    """Of a metric with more than 15 000 values Comet keeps some; what was kept beside stands for the others."""
    points = long_points(count)
    with comet_server(replace(WORST, lag_s=0.05)) as comet:
        backend = open_at(comet, timeout_s=15)
        run, ref = start(backend)
        give(backend, ref, points)
        held = comet.experiment(run.id)
        wanted = [(row[2:], row[1]) for row in expected_rows(points)]
        assert Counter(wanted) == Counter((row[2:], row[1]) for row in held_rows(held))
        assert len({asset.id for asset in held.assets}) < count / 5_000 + 10
        time.sleep(0.05)
        assert len(backend._wire.metrics(ref.id, "loss")) == 15_000
        reader = open_at(comet, timeout_s=15)
        assert differences(reader, ref, run_id=run.id, project="long", points=points) == []
        read = [point.value for point in reader.trackhub_read_metrics(ref)]
        assert repr(read) == repr([point.value for point in points])


def test_a_long_run_goes_on_in_another_process(open_at: Any):
    """Processes that take over, before, at and behind the place from which points are kept beside, lose nothing."""
    points = long_points(17_000)
    with comet_server(replace(WORST, lag_s=0.05)) as comet:
        run, ref = start(open_at(comet))
        for first in range(0, len(points), _SIZE):
            backend = open_at(comet, timeout_s=15)
            assert backend.trackhub_start_run(run).position == (f"behind {first - _SIZE}" if first else None)
            give(backend, ref, points[: first + _SIZE], first)
        time.sleep(0.05)
        assert differences(open_at(comet, timeout_s=15), ref, run_id=run.id, project="long", points=points) == []


@pytest.mark.parametrize("size", [3, 2, 5], ids=["the same", "in pieces", "with more behind it"])
def test_an_answer_that_is_lost_late_in_a_long_run(open_at: Any, size: int):
    """What Comet samples away is no proof that it never came: the row that each request ends with is one."""
    points = long_points(26_000)
    with comet_server(replace(WORST, lag_s=0.05)) as comet:
        backend = open_at(comet, timeout_s=15)
        run, ref = start(backend)
        give(backend, ref, points)
        more = tuple(MetricPoint("loss", 0.5, place, _BEGAN + place * 2_000_000) for place in range(26_000, 26_009))
        comet.faults.script("/batch/logger/experiment/metric", DROP)
        with pytest.raises(DeliveryError):
            backend.trackhub_log_metrics(ref, more[:3], Batch(start=26_000))
        again = open_at(comet, timeout_s=15)
        for first in range(0, 9, size):
            again.trackhub_log_metrics(ref, more[first : first + size], Batch(start=26_000 + first))
        rows = held_rows(comet.experiment(run.id))
        assert len(rows) == len(set(rows)) == 26_009


def test_what_was_sampled_of_another_clients_run_is_read_from_its_tables(open_at: Any):
    """Where Comet has a metric's whole table as a file, that is read."""
    with comet_server(replace(WORST, values_kept=100, full_metrics=True, lag_s=0, shuffles=True)) as server:
        held = server.state.create("f" * 32, "team", "theirs")
        server.state.add_metrics(
            held,
            [{"metricName": "train/loss", "metricValue": i / 7, "step": i, "timestamp": 1000 + i} for i in range(500)],
        )
        backend = open_at(server)
        record = backend.trackhub_read_run("f" * 32, None)
        points = backend.trackhub_read_metrics(record.ref)
        assert [(point.value, point.step, point.time) for point in points] == [
            (i / 7, i, (1000 + i) * 1_000_000) for i in range(500)
        ]
