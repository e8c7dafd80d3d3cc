"""Read what an MLflow store holds from its SQLite tables and its files, asking neither MLflow nor trackhub."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Row = tuple[str, float | str, int, int]


@dataclass(frozen=True, slots=True)
class HeldRun:
    """Hold one run as the tables do; ``files`` are its artifacts' bytes by path."""

    id: str
    experiment: str
    name: str
    status: str
    active: bool
    start: int
    end: int | None
    params: dict[str, str]
    tags: dict[str, str]
    files: dict[str, bytes]


class MlflowTables:
    """Read one store.

    :param database: the SQLite file.
    :param artifacts: where the server keeps what it calls ``mlflow-artifacts:``.
    """

    def __init__(self, database: Path, artifacts: Path | None = None) -> None:
        self._database = database
        self._artifacts = artifacts

    def runs(self, run_id: str) -> list[HeldRun]:
        """Return every run of our id, deleted ones too."""
        query = (
            "select r.run_uuid, e.name, r.name, r.status, r.lifecycle_stage = 'active', r.start_time, r.end_time, "
            "r.artifact_uri from runs r join experiments e using (experiment_id) "
            "join tags t on t.run_uuid = r.run_uuid and t.key = 'trackhub.run_id' and t.value = ?"
        )
        return [
            HeldRun(*run, self._texts("params", run[0]), self._texts("tags", run[0]), dict(self._files(uri)))
            for *run, uri in self._ask(query, run_id)
        ]

    def rows(self, run_uuid: str) -> list[Row]:
        """Return every point of a run; NaN as a word, as it equals nothing."""
        query = (
            "select key, case when is_nan then 'nan' else value end, timestamp, step from metrics where run_uuid = ?"
        )
        return [(key, value, time, step) for key, value, time, step in self._ask(query, run_uuid)]

    def count(self, run_uuid: str) -> int:
        """Return how many points a run has."""
        return int(self._ask("select count(*) from metrics where run_uuid = ?", run_uuid)[0][0])

    def _texts(self, table: str, run_uuid: str) -> dict[str, str]:
        return dict(self._ask(f"select key, value from {table} where run_uuid = ?", run_uuid))

    def _ask(self, query: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=60)) as tables:
            return tables.execute(query, values).fetchall()

    def _files(self, uri: str) -> Iterator[tuple[str, bytes]]:
        place = urlsplit(uri)
        folder = Path(unquote(place.path))
        if place.scheme == "mlflow-artifacts":
            assert self._artifacts is not None
            folder = self._artifacts / place.path.strip("/")
        for file in folder.rglob("*"):
            if file.is_file():
                yield file.relative_to(folder).as_posix(), file.read_bytes()


def row(key: str, value: float, time_ns: int, step: int) -> Row:
    """Return the row that a point is told to become; the tables know neither NaN nor a sign of zero."""
    return (key, "nan" if math.isnan(value) else value + 0.0, time_ns // 1_000_000, step)
