"""Set a training, a real MLflow and a bad network on a stage, and hold what MLflow has against the journal.

The script logs what is hard to keep; what MLflow must hold of it is worked out here from the table in
the plugin's README, and compared with MLflow's own tables and files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.faultproxy import FaultProxy
from support.mlflow_tables import HeldRun, MlflowTables, Row, row
from support.oracle import differences
from support.storm import Storm, acknowledged, done, rage
from support.training import Journal, TrainingWorld

from trackhub.model.entities import MetricPoint, RunRef

_KEYS = {"lr#1": "lr_x23_1", "a//b": "a_x2F_/b"}
_PARAMS = {"model.depth": "4", "lr": "0.001", "opt": "adam", "text": '"0.1"', "none": "None", "größe/ß": '["ß", 1]'}
_ENDS = {"finished": "FINISHED", "crashed": "FAILED", "killed": "KILLED", "failed": "FAILED"}
_LARGEST = 1.7976931348623157e308


@dataclass
class Stage:
    """Hold one training and the MLflow it logs to.

    :ivar proxy: before the server, if there is one.
    :ivar tables: what MLflow holds.
    :ivar reading: a backend that reads without the proxy.
    :ivar numbers: what was done, added up.
    """

    world: TrainingWorld
    proxy: FaultProxy | None
    tables: MlflowTables
    reading: Any
    numbers: Counter[str]

    def storm(self, busy: Callable[[], int], plan: Storm) -> str:
        """Kill the delivery process of a training, then sync after sync, each in the middle of its work.

        :param busy: returns a number that grows as a deliverer works.
        """
        return rage(self.world, plan, busy)

    def check(self, run_id: str) -> HeldRun:
        """Hold all that MLflow has of a run against its journal; return the one run that it shows."""
        told = self.world.journal(run_id)
        (held,) = [run for run in self.tables.runs(run_id) if run.active]
        rows = self.tables.rows(held.id)
        assert set(rows) == expected_rows(told.points)
        assert len(rows) == len(set(rows))
        assert held.params == _PARAMS
        tags = {tag.name: tag.value for tag in told.tags}
        assert (held.tags["phase"], held.tags["owner_x23_"]) == (tags["phase"], "ada")
        ours = {path: content for path, content in held.files.items() if not path.startswith("trackhub/")}
        assert ours == expected_files(told)
        began, end = told.life.started, told.life.end
        assert began is not None
        assert end is not None
        assert (held.experiment, held.name, held.status) == ("storm", "the storm", _ENDS[end.status])
        assert (held.start, held.end) == (began.time // 10**6, end.time // 10**6)
        everything = {"points": told.points, "params": told.params, "tags": told.tags, "artifacts": told.artifacts}
        found = differences(self.reading, RunRef(id=held.id), run_id=run_id, project="storm", **everything)
        assert found == []
        return held

    def check_acknowledged(self, run_id: str) -> int:
        """Return how many rows the script was told are safe; all of them must be in the journal."""
        return acknowledged(self.world, run_id)

    def count(self, run_id: str) -> None:
        """Add up what was done to a run."""
        self.numbers.update(done(self.world, run_id, self.proxy.seen if self.proxy else []))


def expected_rows(points: list[MetricPoint]) -> set[Row]:
    """Return the rows that points must become."""
    rows = set()
    for place, point in enumerate(points):
        value = math.nan if point.value != point.value else min(max(float(point.value), -_LARGEST), _LARGEST)
        step = place if point.step is None else math.floor(point.step)
        rows.add(row(_KEYS.get(point.name, point.name), value, point.time, step))
    return rows


def expected_files(told: Journal) -> dict[str, bytes]:
    """Return every artifact's bytes under the place where they must lie."""
    found = {}
    for artifact in told.artifacts:
        (file,) = artifact.files
        stem, dot, suffix = artifact.name.replace("#", "_x23_").rpartition(".")
        version = f"@v{artifact.version}" if artifact.version > 1 else ""
        found[f"{stem}{version}{dot}{suffix}"] = file.source.read_bytes()
    return found
