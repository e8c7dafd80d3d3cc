"""Open neptune-scale's SQLite file and read its operations, from rows to points and lines."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from trackhub.model.entities import MetricColumns, MetricPoint
from trackhub_neptune.history import snapshot
from trackhub_neptune.history.buffer import gather
from trackhub_neptune.history.exact import from_milliseconds, plain_step, step_of, to_text
from trackhub_neptune.history.part import Line, Part
from trackhub_neptune.history.snapshot import Histogram, MalformedError, Update

CREATE, SNAPSHOT = 1, 0
_HEADER = b"SQLite format 3\0"


def is_database(path: Path) -> bool:
    """Return whether a file is any SQLite database."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False


class Database:
    """Open a database without writing anything beside it."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self.path = path
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            # The client was killed, and what it wrote last lies beside the file. To read that, SQLite
            # wants to write there, which the folder of an archive may not allow.
            folder = _fresh(scratch)
            shutil.copyfile(path, folder / path.name)
            shutil.copyfile(wal, folder / wal.name)
            self._uri = f"{(folder / path.name).as_uri()}?mode=rw"
        else:
            self._uri = f"{path.absolute().as_uri()}?immutable=1"

    def rows(self, statement: str) -> Iterator[Any]:
        """Yield the rows that a statement selects.

        :raises sqlite3.DatabaseError: the file is damaged; the rows before that were yielded.
        """
        with closing(sqlite3.connect(self._uri, uri=True)) as connection:
            yield from connection.execute(statement)


def _fresh(scratch: Path) -> Path:
    folder = scratch / f"{len(list(scratch.iterdir())):06d}"
    folder.mkdir()
    return folder


def operations(database: Database, part: Part | None = None) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield number, time, type and bytes of the operations, as far as the file can be read."""
    statement = "SELECT sequence_id, timestamp, operation_type, operation FROM run_operations ORDER BY sequence_id"
    try:
        yield from database.rows(statement)
    except sqlite3.DatabaseError as error:
        if part:
            part.note("damaged", database.path.name, f"{database.path}: {error}; what came before was read")


def _updates(database: Database) -> Iterator[tuple[int, Update]]:
    """Yield the time and what was logged, of every operation that can be read."""
    for _, time, kind, data in operations(database):
        if kind == SNAPSHOT:
            try:
                yield from_milliseconds(time), snapshot.update(data)
            except MalformedError:
                continue  # noted when the database was searched


class DatabaseReading:
    """Read a database's points and texts again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def columns(self) -> Iterator[MetricColumns]:
        """Yield the points that are for good."""
        return gather(self._points())

    def lines(self, attribute: str) -> Iterator[Line]:
        """Yield the strings, the histograms or the previews of a series."""
        previewed = attribute.removesuffix(".preview") if attribute.endswith(".preview") else None
        for written, found in _updates(self._database):
            value = found.appended.get(attribute)
            about = {"step": _step_of(found), "time": to_text(written if found.time is None else found.time)}
            if isinstance(value, str):
                yield about | {"value": value}
            elif isinstance(value, Histogram):
                yield about | {"type": value.type, "edges": value.edges, "values": value.values}
            elif previewed and found.preview is not None and isinstance(found.appended.get(previewed), float):
                yield about | {"value": _json(found.appended[previewed]), "completion": round(found.preview, 6)}

    def _points(self) -> Iterator[MetricPoint]:
        for written, found in _updates(self._database):
            if found.preview is None:
                step, time = _step_of(found), written if found.time is None else found.time
                for name, value in found.appended.items():
                    if isinstance(value, float | int):
                        yield MetricPoint(name, float(value), step, time)


def _step_of(found: Update) -> int | float | None:
    return None if found.step is None else plain_step(step_of(*found.step))


def _json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
