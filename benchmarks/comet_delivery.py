"""Measure how fast ``trackhub sync`` delivers a journal to Comet, beside the SDK's own ways of sending the same points.

How: a finished run of 5 series at 1 kHz; the sync, and each of the SDK's ways, in a process of its own
against the plugin's test server on the loopback, by turns. Imports are left out on all sides. What the
server was given is counted after each: a way that lost points says how many. The ways:

* a live ``Experiment``: ``log_metrics`` in a loop, then ``end()``, without anything logged by itself;
* ``OfflineExperiment``, then ``comet upload`` of its archive, with sampling off;
* the bare ``log_metrics_batch``, a thousand a call: nothing can be faster through the SDK.

The rate that the plugin keeps by default (12 000 values a minute, as Comet publishes it) is off here.
It needs the plugin installed.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import ROOT, Failed, Place
from benchmarks.rows import Row

SERIES = 5
CHUNK = 1000
ROUNDS = 3
_NAMES = [f"metric_{at}" for at in range(SERIES)]


def run(place: Place) -> Iterator[Row]:
    """Yield points a second of each way, and what arrived."""
    sys.path[:0] = [str(ROOT / "plugins" / "trackhub-comet" / "tests"), str(ROOT / "tests")]
    try:
        from comet_server import comet_server
    except ImportError as error:
        raise Failed(f"absent: {error}; it needs trackhub-comet[test]") from error

    points = 20_000 if place.quick else 100_000
    ways = ("trackhub", "batches", "live", "archive")
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    short: dict[str, set[int]] = {way: set() for way in ways}
    for turn in range(1 if place.quick else ROUNDS):
        made = place.module("stores", "one_run", place.folder / f"store-{turn}", points, SERIES, 1000)
        for way in ways:
            with comet_server() as comet:
                found = place.module(
                    "comet_delivery", way, comet.url, points, place.folder / f"store-{turn}", made["id"]
                )
                seconds[way].append(found["seconds"])
                short[way].add(points - _arrived(comet))
    for way in ways:
        lost = ", ".join(f"{count:,}" for count in sorted(short[way] - {0}))
        note = f"points that did not arrive: {lost}" if lost else "every point arrived, once"
        rate = points / statistics.median(seconds[way])
        yield Row(f"Comet, {points:,} points: {_WAYS[way]}", rate, "points/s", note=note)
    ratio = statistics.median(seconds["batches"]) / statistics.median(seconds["trackhub"])
    yield Row("trackhub sync over the bare batches", ratio, "x")


_WAYS = {
    "trackhub": "trackhub sync",
    "batches": "bare log_metrics_batch",
    "live": "live Experiment, until end() returns",
    "archive": "OfflineExperiment and comet upload",
}


def _arrived(comet: Any) -> int:
    """Return how many points the server has, each counted once; one that came twice is a fault that shows."""
    rows = [row for held in comet.state.experiments.values() for row in held.metrics if row.name in _NAMES]
    different = {(row.name, row.step, row.value) for row in rows}
    return 2 * len(different) - len(rows)


# ---- in a process of its own -------------------------------------------------------------


def worker(way: str, url: str, count: str, store: str, run_id: str) -> dict[str, float]:
    """Send points one way, and return the seconds, imports apart."""
    points = int(count)
    key = "a-key-for-tests-only-0123456789"
    os.environ |= {"COMET_API_KEY": key, "COMET_LOGGING_CONSOLE": "ERROR", "COMET_DISABLE_AUTO_LOGGING": "1"}
    if way != "trackhub":
        os.environ |= {"COMET_URL_OVERRIDE": f"{url}/clientlib/", "COMET_OFFLINE_SAMPLING_SIZE": str(points)}
    import comet_ml  # noqa: F401 - its seconds are nobody's

    work: dict[str, Callable[[], None]] = {
        "trackhub": lambda: _sync(url, store, run_id),
        "batches": lambda: _batches(key, points),
        "live": lambda: _live(points),
        "archive": lambda: _archive(key, points),
    }
    began = time.perf_counter()
    work[way]()
    return {"seconds": time.perf_counter() - began}


def _sync(url: str, store: str, run_id: str) -> None:
    import trackhub

    os.environ["TRACKHUB_STORE"] = store
    report = trackhub.sync(run_id, f"comet+{url}/team?values_per_minute=0", timeout_s=1800)
    if not report.complete:
        raise SystemExit(f"not all was delivered: {report}")


def _batches(key: str, points: int) -> None:
    from comet_ml.batch_utils import MessageBatchItem
    from comet_ml.connection.connection_factory import get_rest_server_connection
    from comet_ml.messages import MetricMessage

    connection = get_rest_server_connection(key, "b" * 32)
    connection.add_run("p", "team", offline=True, get_or_create_mode=True)
    now = time.time_ns() // 1_000_000
    for first in range(0, points, CHUNK):
        items = []
        for at in range(first, min(first + CHUNK, points)):
            message = MetricMessage(timestamp=now + at // SERIES)
            message.set_metric(_NAMES[at % SERIES], (at % 1009) / 1009, step=at // SERIES)
            items.append(MessageBatchItem(message))
        connection.log_metrics_batch(items)


def _quiet() -> dict[str, Any]:
    names = "log_code log_graph parse_args log_git_metadata log_git_patch log_env_details auto_param_logging"
    off = dict.fromkeys([*names.split(), "auto_metric_logging", "auto_output_logging"], False)
    return {"workspace": "team", "project_name": "p", "display_summary_level": 0, **off}


def _log(experiment: Any, points: int) -> None:
    for step in range(points // SERIES):
        values = {name: ((step * SERIES + at) % 1009) / 1009 for at, name in enumerate(_NAMES)}
        experiment.log_metrics(values, step=step)
    experiment.end()


def _live(points: int) -> None:
    import comet_ml

    _log(comet_ml.Experiment(**_quiet()), points)


def _archive(key: str, points: int) -> None:
    import comet_ml
    from comet_ml.offline import upload_single_offline_experiment

    with tempfile.TemporaryDirectory() as folder:
        _log(comet_ml.OfflineExperiment(offline_directory=folder, **_quiet()), points)
        (archive,) = Path(folder).glob("*.zip")
        upload_single_offline_experiment(str(archive), key, force_upload=False)


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
