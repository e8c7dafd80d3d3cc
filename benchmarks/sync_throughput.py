"""Measure how fast ``trackhub sync`` delivers a journal to MLflow, beside the raw ``log_batch`` loop.

How: a finished run of 5 series at 1 kHz; ``trackhub.sync`` and the raw loop (same points, 1000 a
call; see ``raw_mlflow.py``), each in a process of its own, alternate on the same store: a SQLite
database opened directly, and ``mlflow server`` over HTTP. Imports are left out on both sides,
opening the store is not. First pieces of 50 000 points (quick: no more than these), then a million
at once, the raw loop before and after it. A sync to the loopback backend, which only counts, shows
what trackhub itself takes for a batch.

Budget: ≥ 0.9 x the raw loop's points a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.place import Failed, Place
from benchmarks.rows import Row

PIECE = 50_000


def run(place: Place) -> Iterator[Row]:
    """Yield points a second and the ratio to the raw loop, for each way to MLflow."""
    yield from _own_cost(place)
    plans = [(PIECE, 3)] if place.quick else [(PIECE, 6), (1_000_000, 1)]
    for points, rounds in plans:
        database = place.folder / f"mlflow-{points}.db"
        place.module("raw_mlflow", f"sqlite:///{database}", 1000)  # makes the tables
        yield from _compare(place, "sqlite direct", f"sqlite:///{database}", points, rounds)
        try:
            with server(place, database) as address:
                yield from _compare(place, "HTTP server", address, points, rounds)
        except Failed as error:
            yield Row(f"MLflow, HTTP server, {points:,} points", None, "x", 0.9, least=True, note=str(error))


def _own_cost(place: Place) -> Iterator[Row]:
    points = 100_000 if place.quick else 500_000
    made = place.module("stores", "one_run", place.folder / "own", points, 5, 1000)
    found = place.module("sync_throughput", place.folder / "own", made["id"], "bench://sink")
    yield Row("to a backend that only counts", points / found["seconds"], "points/s")
    yield Row("trackhub's own time a batch of 1000", found["seconds"] / points * 1e6, "ms", note="of wall time")
    yield Row("trackhub's own CPU a batch of 1000", found["cpu"] / points * 1e6, "ms")


def _compare(place: Place, way: str, uri: str, points: int, rounds: int) -> Iterator[Row]:
    ratios, ours, again = [], [], 0
    theirs = [_raw(place, uri, points)]
    for turn in range(rounds):
        store = place.folder / f"{way}-{points}-{turn}".replace(" ", "-")
        made = place.module("stores", "one_run", store, points, 5, 1000)
        found = place.module("sync_throughput", store, made["id"], f"mlflow+{uri}", timeout_s=3600)
        theirs.append(_raw(place, uri, points))
        ratios.append((theirs[-2] + theirs[-1]) / 2 / found["seconds"])
        ours.append(points / found["seconds"])
        again += found["again"]
    what = f"MLflow, {way}, {rounds} x {points:,} points"
    note = f"raw loop {points / statistics.median(theirs):,.0f}; ratios from {min(ratios):.2f} to {max(ratios):.2f}"
    note += f"; {again} of {rounds} said to be incomplete, and were not" if again else ""
    yield Row(f"{what}: trackhub sync", statistics.median(ours), "points/s", note=note)
    yield Row(f"{what}: over the raw loop", statistics.median(ratios), "x", 0.9, least=True)


def _raw(place: Place, uri: str, points: int) -> float:
    return float(place.module("raw_mlflow", uri, points, timeout_s=3600)["seconds"])


@contextlib.contextmanager
def server(place: Place, database: Path) -> Iterator[str]:
    """Run an MLflow server on the loopback and give its address."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{database}", "--workers", "1"]
    command += ["--artifacts-destination", str(place.folder / "artifacts")]
    environ = place.environ() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = place.folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environ, cwd=place.folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not _answers(f"{address}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"mlflow server does not answer: {log.read_text()[-200:]}")
            time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, 15)
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def worker(store: str, run_id: str, to: str) -> dict[str, float]:
    """Sync one run in this process, and check that all of it arrived."""
    import trackhub

    if to.startswith("mlflow"):
        __import__("mlflow")
    os.environ["TRACKHUB_STORE"] = store
    began, cpu = time.perf_counter(), time.process_time()
    report = trackhub.sync(run_id, to)
    seconds, busy = time.perf_counter() - began, time.process_time() - cpu
    again = not report.complete  # to ask again takes nothing where all is there
    if again and not trackhub.sync(run_id, to, timeout_s=0.5).complete:
        raise SystemExit(f"not all was delivered: {report}")
    return {"seconds": seconds, "cpu": busy, "again": again}


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
