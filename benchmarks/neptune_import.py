"""Measure how fast what Neptune left is read: an export of a million points, a 1.x folder, a neptune-scale database.

How: an export of the exporter's own schema, made here, is read and imported in processes of their own, by turns with
pyarrow reading the same columns and throwing them away, which is the floor; then, of a tenth of the points each, what
the two clients leave. What was read is counted. It needs the plugin installed; the database, neptune-api as well.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import ROOT, Failed, Place
from benchmarks.rows import Row

SERIES = 20
BATCH = 131_072
PROJECT = "team/digits"


def run(place: Place) -> Iterator[Row]:
    """Yield points a second of each way."""
    points = 100_000 if place.quick else 1_000_000
    export = place.folder / "export"
    place.module("neptune_import", "leave_export", export, points)
    found = [place.module("neptune_import", "read", export, points) for _ in range(1 if place.quick else 3)]
    ways = {way: statistics.median(one[way] for one in found) for way in ("bare", "listed", "read", "imported")}
    for way, what in _WAYS.items():
        note = f"{ways[way]:.2f} s"
        yield Row(f"{points:,} points of an export: {what}", points / ways[way], "points/s", note=note)
    yield Row("read as columns, over pyarrow alone", ways["read"] / ways["bare"], "x of its time")
    yield Row("memory that reading added", max(one["memory"] for one in found), "MB")
    few = points // 10
    for what, leave in (("1.x folder", "leave_folder"), ("neptune-scale database", "leave_database")):
        left = place.folder / leave
        try:
            place.module("neptune_import", leave, left, few)
        except Failed as error:
            yield Row(f"{few:,} points of a {what}", None, "points/s", note=str(error))
            continue
        seconds = place.module("neptune_import", "read_only", left, few)["read"]
        yield Row(f"{few:,} points of a {what}: read as columns", few / seconds, "points/s", note=f"{seconds:.2f} s")


_WAYS = {
    "bare": "pyarrow alone",
    "listed": "listed",
    "read": "read as columns",
    "imported": "trackhub import",
}


# ---- in a process of its own -------------------------------------------------------------


def worker(what: str, folder: str, points: str) -> dict[str, float]:
    """Make what Neptune leaves, or read it; return the seconds of each way, and the memory in MB."""
    root, count = Path(folder), int(points)
    if what in _LEAVE:
        root.mkdir(parents=True, exist_ok=True)
        _LEAVE[what](root, count)
        return {}
    if what == "read_only":
        import trackhub_neptune.history

        return {"read": _timed(lambda: _read(root, count))}
    import pyarrow.parquet  # noqa: F401 - its seconds are nobody's
    import trackhub_neptune.history  # noqa: F401 - nor these

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "bare": _timed(lambda: _bare(root)),
        "listed": _timed(lambda: _listed(root)),
        "read": _timed(lambda: _read(root, count)),
    }
    found["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    into = root.with_name(f"store-{os.getpid()}")
    command = [sys.executable, "-m", "trackhub.cli", "import", f"neptune:{root}", "--into", str(into)]
    found["imported"] = _timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
    return found


def _leave_export(root: Path, points: int) -> None:
    """Write one run's points as the exporter does: a row group a batch, the attributes of a step side by side."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    sys.path.insert(0, str(ROOT / "plugins" / "trackhub-neptune" / "tests"))
    from neptune_left.exporter import SCHEMA, sanitized

    folder = root / "exports" / "data" / sanitized(PROJECT)
    folder.mkdir(parents=True)
    names = pa.array([f"train/metric-{number}" for number in range(SERIES)])
    with pq.ParquetWriter(folder / "run-0_part_0.parquet", SCHEMA, compression="snappy") as writer:
        for begin in range(0, points, BATCH):
            rows = np.arange(begin, min(begin + BATCH, points))
            halves = np.zeros((len(rows), 2), dtype=np.int64)  # a decimal is sixteen bytes
            halves[:, 0] = rows // SERIES * 1_000_000
            same = pa.array(np.zeros(len(rows), dtype=np.int64))
            columns = {
                "project_id": pa.array([PROJECT]).take(same),
                "run_id": pa.array(["run-0"]).take(same),
                "attribute_path": names.take(pa.array(rows % SERIES)),
                "attribute_type": pa.array(["float_series"]).take(same),
                "step": pa.Array.from_buffers(pa.decimal128(18, 6), len(rows), [None, pa.py_buffer(halves.tobytes())]),
                "timestamp": pa.array(1_700_000_000_000 + rows).cast(pa.timestamp("ms", tz="UTC")),
                "float_value": pa.array(np.sin(rows)),
            }
            arrays = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in SCHEMA]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))


def _leave_folder(root: Path, points: int) -> None:
    """Write a log of the 1.x client, one point an operation."""
    folder = root / "run__0b5e3c1e-58a5-4f43-b7b1-3b7f1d8a2c11__1__abcd1234"
    folder.mkdir()
    with (folder / "data-1.log").open("w") as file:
        for number in range(points):
            point = {"value": number / 7, "step": number // 5, "ts": 1.7e9 + number}
            body = {"type": "LogFloats", "path": ["train", f"metric-{number % 5}"], "values": [point]}
            file.write(json.dumps({"obj": body, "version": number + 1, "at": 1.7e9 + number}) + "\n")


def _leave_database(root: Path, points: int) -> None:
    """Write a database of neptune-scale, five points an operation."""
    try:
        from neptune_api.proto.neptune_pb.ingest.v1 import common_pb2
    except ImportError:
        raise SystemExit("neptune-api, which writes it, is not installed") from None
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


def _bare(root: Path) -> None:
    import pyarrow.parquet as pq

    for path in root.rglob("*.parquet"):
        for _ in pq.ParquetFile(path).iter_batches(columns=["attribute_path", "step", "timestamp", "float_value"]):
            pass


def _history(root: Path) -> Any:
    from trackhub_neptune.history import open_history

    from trackhub.backend import Destination

    return open_history(str(root), Destination.parse(f"neptune:{root}"))


def _listed(root: Path) -> None:
    _history(root).trackhub_search_runs(None)


def _read(root: Path, points: int) -> None:
    history = _history(root)
    found = 0
    for record in history.trackhub_search_runs(PROJECT):
        found += sum(len(piece.value) for piece in history.trackhub_read_columns(record.ref))
    if found != points:
        raise SystemExit(f"{found} points were read of {points}")


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


_LEAVE = {"leave_export": _leave_export, "leave_folder": _leave_folder, "leave_database": _leave_database}


if __name__ == "__main__":
    print(json.dumps(worker(*sys.argv[1:])))
