"""Time how fast what Neptune left is read: an export of a million points, a 1.x folder, a neptune-scale database.

Run it with the plugin installed: ``python benchmarks/neptune_import.py [--points 1000000] [--runs 1]``.
It writes an export of the exporter's own schema to a temporary folder, and prints points a second beside those of
pyarrow reading the same columns and throwing them away; then, of a tenth of the points, what the clients leave.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trackhub.backend import Destination

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "trackhub-neptune" / "tests"))
from neptune_left.exporter import SCHEMA, sanitized

SERIES = 20
BATCH = 131_072
PROJECT = "team/digits"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--points", type=int, default=1_000_000, help="points of all runs together")
    options.add_argument("--runs", type=int, default=1)
    options.add_argument("--decimal", action="store_true", help="steps with a fraction")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for run in range(asked.runs):
            write(root / "exports" / "data", f"run-{run}", asked.points // asked.runs, decimal=asked.decimal)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        timed("pyarrow alone", asked.points, lambda: bare(root))
        timed("listed", asked.points, lambda: listed(root))
        timed("listed and read as columns", asked.points, lambda: read(root, asked.points))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{'memory added at most':28} {(after - before) / 1024:8.0f} MB")
        command = [sys.executable, "-m", "trackhub.cli", "import", f"neptune:{root}"]
        timed(
            "trackhub import",
            asked.points,
            lambda: subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=True),
        )
    few = asked.points // 10
    for what, leave in (("1.x folder", leave_folder), ("neptune-scale database", leave_database)):
        with tempfile.TemporaryDirectory() as folder:
            if leave(Path(folder), few):
                timed(what, few, lambda folder=folder: read(Path(folder), few))
            else:
                print(f"{what:28} left out: neptune-api, which writes it, is not installed")


def write(data: Path, run: str, points: int, *, decimal: bool) -> None:
    """Write one run's points as the exporter does: a row group a batch, the attributes of a step side by side."""
    folder = data / sanitized(PROJECT)
    folder.mkdir(parents=True, exist_ok=True)
    names = pa.array([f"train/metric-{number}" for number in range(SERIES)])
    with pq.ParquetWriter(folder / f"{sanitized(run)}_part_0.parquet", SCHEMA, compression="snappy") as writer:
        for begin in range(0, points, BATCH):
            rows = np.arange(begin, min(begin + BATCH, points))
            halves = np.zeros((len(rows), 2), dtype=np.int64)  # a decimal is sixteen bytes
            halves[:, 0] = rows // SERIES * (500_000 if decimal else 1_000_000)
            columns = {
                "project_id": pa.array([PROJECT]).take(pa.array(np.zeros(len(rows), dtype=np.int64))),
                "run_id": pa.array([run]).take(pa.array(np.zeros(len(rows), dtype=np.int64))),
                "attribute_path": names.take(pa.array(rows % SERIES)),
                "attribute_type": pa.array(["float_series"]).take(pa.array(np.zeros(len(rows), dtype=np.int64))),
                "step": pa.Array.from_buffers(pa.decimal128(18, 6), len(rows), [None, pa.py_buffer(halves.tobytes())]),
                "timestamp": pa.array(1_700_000_000_000 + rows).cast(pa.timestamp("ms", tz="UTC")),
                "float_value": pa.array(np.sin(rows)),
            }
            arrays = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in SCHEMA]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))


def leave_folder(root: Path, points: int) -> bool:
    """Write a log of the 1.x client, one point an operation."""
    folder = root / "run__0b5e3c1e-58a5-4f43-b7b1-3b7f1d8a2c11__1__abcd1234"
    folder.mkdir()
    with (folder / "data-1.log").open("w") as file:
        for number in range(points):
            point = {"value": number / 7, "step": number // 5, "ts": 1.7e9 + number}
            body = {"type": "LogFloats", "path": ["train", f"metric-{number % 5}"], "values": [point]}
            file.write(json.dumps({"obj": body, "version": number + 1, "at": 1.7e9 + number}) + "\n")
    return True


def leave_database(root: Path, points: int) -> bool:
    """Write a database of neptune-scale, five points an operation."""
    try:
        from neptune_api.proto.neptune_pb.ingest.v1 import common_pb2
    except ImportError:
        return False
    connection = sqlite3.connect(root / "run_operations.sqlite3")
    connection.executescript(
        "CREATE TABLE metadata (id INTEGER PRIMARY KEY, version TEXT, project TEXT, run_id TEXT);"
        f"INSERT INTO metadata VALUES (1, 'v5', '{PROJECT}', 'run-0');"
        "CREATE TABLE run_operations (sequence_id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER,"
        " operation_type INTEGER, operation BLOB, operation_size_bytes INTEGER)"
    )
    insert = (
        "INSERT INTO run_operations (timestamp, operation_type, operation, operation_size_bytes) VALUES (?, 0, ?, 1)"
    )
    for step in range(points // 5):
        values = {f"train/metric-{number}": common_pb2.Value(float64=step / 7) for number in range(5)}
        update = common_pb2.UpdateRunSnapshot(
            step=common_pb2.Step(whole=step), timestamp={"seconds": 1_700_000_000 + step}, append=values
        )
        connection.execute(insert, (1_700_000_000_000 + step, update.SerializeToString()))
    connection.commit()
    connection.close()
    return True


def bare(root: Path) -> None:
    for path in root.rglob("*.parquet"):
        for _ in pq.ParquetFile(path).iter_batches(columns=["attribute_path", "step", "timestamp", "float_value"]):
            pass


def listed(root: Path) -> None:
    from trackhub_neptune.history import open_history

    open_history(str(root), Destination.parse(f"neptune:{root}")).trackhub_search_runs(None)


def read(root: Path, points: int) -> None:
    from trackhub_neptune.history import open_history

    history = open_history(str(root), Destination.parse(f"neptune:{root}"))
    found = 0
    for record in history.trackhub_search_runs(PROJECT):
        found += sum(len(piece.value) for piece in history.trackhub_read_columns(record.ref))
    if found != points:
        raise SystemExit(f"{found} points were read of {points}")


def timed(what: str, points: int, work: Callable[[], object]) -> None:
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    print(f"{what:28} {seconds:8.2f} s {points / seconds:14,.0f} points/s")


if __name__ == "__main__":
    main()
