"""Measure how fast ``trackhub sync`` delivers a journal to W&B, beside the SDK's own ways of sending the same points.

How: a finished run of 5 series at 1 kHz; the sync, and each of the SDK's ways, in a process of its own
against the plugin's test server on the loopback, by turns. Imports are left out on the SDK's side; the sync
starts the SDK's process itself, and that second counts. What the server was given is counted after each: a
way that lost points, or gave some twice, says how many. The ways:

* a live run: ``wandb.init``, ``run.log`` in a loop, ``run.finish()``, without anything gathered by itself;
* an offline run, then ``wandb sync`` of its folder.

It needs the plugin installed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import ROOT, Failed, Place
from benchmarks.rows import Row

SERIES = 5
ROUNDS = 3
_NAMES = [f"metric_{at}" for at in range(SERIES)]
_WAYS = {
    "trackhub": "trackhub sync",
    "live": "live run, until finish() returns",
    "offline": "offline run and wandb sync",
}


def run(place: Place) -> Iterator[Row]:
    """Yield points a second of each way, and what arrived."""
    sys.path[:0] = [str(ROOT / "plugins" / "trackhub-wandb" / "tests"), str(ROOT / "tests")]
    try:
        from wandb_server import wandb_server
    except ImportError as error:
        raise Failed(f"absent: {error}; it needs trackhub-wandb[test]") from error

    points = 20_000 if place.quick else 100_000
    seconds: dict[str, list[float]] = {way: [] for way in _WAYS}
    wrong: dict[str, set[int]] = {way: set() for way in _WAYS}
    for turn in range(1 if place.quick else ROUNDS):
        store = place.folder / f"store-{turn}"
        made = place.module("stores", "one_run", store, points, SERIES, 1000)
        for way in _WAYS:
            with wandb_server() as server:
                found = place.module("wandb_delivery", way, server.url, points, store, made["id"], timeout_s=900)
                seconds[way].append(found["seconds"])
                wrong[way].add(_arrived(server) - points)
    for way, name in _WAYS.items():
        odd = ", ".join(f"{count:+,}" for count in sorted(wrong[way] - {0}))
        note = f"points too many or too few: {odd}" if odd else "every point arrived, once"
        yield Row(f"W&B, {points:,} points: {name}", points / statistics.median(seconds[way]), "points/s", note=note)
    for way in ("live", "offline"):
        ratio = statistics.median(seconds[way]) / statistics.median(seconds["trackhub"])
        yield Row(f"trackhub sync over the {_WAYS[way].partition(',')[0]}", ratio, "x")


def _arrived(server: Any) -> int:
    """Return how many points the server has."""
    lines = [json.loads(line.text) for held in server.state.runs.values() for line in held.history]
    return sum(name in line for line in lines for name in _NAMES)


# ---- in a process of its own -------------------------------------------------------------


def worker(way: str, url: str, count: str, store: str, run_id: str) -> dict[str, float]:
    """Send points one way, and return the seconds, imports of the SDK's ways apart."""
    points = int(count)
    os.environ |= {"WANDB_API_KEY": "0123456789abcdef0123456789abcdef01234567", "WANDB_ERROR_REPORTING": "false"}
    if way != "trackhub":
        os.environ |= {"WANDB_BASE_URL": url, "WANDB_SILENT": "true"}
        import wandb  # noqa: F401 - its seconds are nobody's
    with tempfile.TemporaryDirectory() as folder:
        work: dict[str, Callable[[], None]] = {
            "trackhub": lambda: _sync(url, store, run_id),
            "live": lambda: _log(points, folder, "online"),
            "offline": lambda: _offline(points, folder),
        }
        began = time.perf_counter()
        work[way]()
        return {"seconds": time.perf_counter() - began}


def _sync(url: str, store: str, run_id: str) -> None:
    import trackhub

    os.environ["TRACKHUB_STORE"] = store
    report = trackhub.sync(run_id, f"wandb+{url}/team", timeout_s=1800)
    if not report.complete:
        raise SystemExit(f"not all was delivered: {report}")


def _log(points: int, folder: str, mode: str) -> None:
    import wandb

    off = {"disable_git": True, "disable_code": True, "x_disable_stats": True, "x_disable_machine_info": True}
    quiet = {"silent": True, "console": "off", "x_disable_meta": True, "x_save_requirements": False, **off}
    started = wandb.init(entity="team", project="p", mode=mode, dir=folder, settings=wandb.Settings(**quiet))
    for step in range(points // SERIES):
        values = {name: ((step * SERIES + at) % 1009) / 1009 for at, name in enumerate(_NAMES)}
        started.log(values, step=step)
    started.finish()


def _offline(points: int, folder: str) -> None:
    _log(points, folder, "offline")
    (left,) = Path(folder, "wandb").glob("offline-run-*")
    command = [sys.executable, "-m", "wandb", "sync", str(left)]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
