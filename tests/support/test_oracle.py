"""Hold the oracle to finding what is wrong; one that finds nothing proves nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from support.logged import artifact, point
from support.oracle import differences

from trackhub.model.entities import Artifact, MetricPoint, Param, RunRecord, RunRef, StoredFile, Tag

REF = RunRef(id="1")


class _Shelf:
    """Read back what it is told to hold."""

    def __init__(
        self,
        points: tuple[MetricPoint, ...] = (),
        record: RunRecord | None = None,
        files: dict[StoredFile, bytes] | None = None,
    ) -> None:
        self.points, self.record, self.files = points, record, files or {}

    def read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return self.points

    def read_run(self, run_id: str, project: str) -> RunRecord | None:
        return self.record

    def list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]:
        return tuple(self.files)

    def download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        Path(target).write_bytes(next(content for file, content in self.files.items() if file.path == path))


LOGGED = (point("loss", 1.0, 1), point("loss", 1.0, 1), point("nan", math.nan, 2.5), point("n", 3))


@pytest.mark.parametrize(
    ("held", "count"),
    [
        (LOGGED[::-1], 0),
        (LOGGED[1:], 1),
        ((*LOGGED, LOGGED[0]), 1),
        ((*LOGGED[:3], point("n", 3.0)), 2),
        ((*LOGGED[:3], point("n", 3, ms=1)), 2),
        ((*LOGGED[:3], point("n", 3, 0)), 2),
    ],
    ids=["another order", "one too few", "one too many", "another type", "another time", "a step made up"],
)
def test_points_are_compared_with_count_type_time_and_step(held: tuple[MetricPoint, ...], count: int):
    """Every way a point can be wrong is found, and order is not one."""
    assert len(differences(_Shelf(held), REF, points=LOGGED)) == count


def test_params_and_tags_are_compared_by_value_and_type():
    """A param that became text, a tag that is missing and one too many are found."""
    record = RunRecord(id="1", name="", project="p", status="running", params={"a": "1"}, tags={"y": ""})
    found = differences(_Shelf(record=record), REF, params=[Param("a", 1, 0)], tags=[Tag("x", "", 0)])
    assert len(found) == 3
    assert differences(_Shelf(), REF, params=[]) == ["run  is not there"]


def test_artifacts_are_compared_by_their_bytes(tmp_path: Path):
    """A file whose bytes are others than logged is found, whatever its digest claims."""
    logged: Artifact = artifact(tmp_path, "a", {"a": b"right"})
    good = StoredFile(path="a", sha256=logged.files[0].sha256)
    assert differences(_Shelf(files={good: b"right"}), REF, artifacts=[logged]) == []
    assert len(differences(_Shelf(files={good: b"wrong"}), REF, artifacts=[logged])) == 3
    assert len(differences(_Shelf(), REF, artifacts=[logged])) == 1
