"""Set a training, a real MLflow and a bad network on a stage, and hold what MLflow has against the journal.

The script logs what is hard to keep; what MLflow must hold of it is worked out here from the table in
the plugin's README, and compared with MLflow's own tables and files.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from support.faultproxy import FaultProxy
from support.mlflow_tables import HeldRun, MlflowTables, Row, row
from support.oracle import differences
from support.training import Journal, TrainingWorld, delivery_of, ending, eventually

from trackhub.model.entities import MetricPoint, RunRef

TRAIN = """
import math, os, sys, time
from pathlib import Path
import trackhub

rows, pause, odd = int(sys.argv[1]), float(sys.argv[2]), [math.nan, math.inf, -math.inf, 0, True, 2**60 + 1, -0.25]
run = trackhub.start_run(
    project="storm", name="the storm", id=os.environ.get("RUN_ID"), resume=os.environ.get("RESUME", "never"),
    params={"model": {"depth": 4}, "lr": 0.001, "opt": "adam", "text": "0.1", "none": None, "größe/ß": ["ß", 1]},
)
print(run.id, flush=True)
acknowledged = os.open("acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
first = int(os.environ.get("FIRST", "0"))
for i in range(first, first + rows):
    run.log({"loss": 1 / (i + 1), "epoch": i // 10}, step=i)
    os.write(acknowledged, b"%d\\n" % i)
    step = [i, i, None, i // 2, -i, i / 4, 99 - i][i % 7]
    run.log({"odd": odd[i % 7], "größe λ": float(i), "a//b": i / 7}, step=step)
    run.log({"lr#1": 0.5, "val/acc": 1.0}, step=1)
    if i % 40 == 0:
        run.set_tags({"phase": f"at {i}", "owner#": "ada"})
    if i % 100 == 50:
        Path("model.bin").write_bytes(os.urandom(2000))
        run.log_artifact("model.bin")
        run.log_text(str(i), f"notes/{i}#.txt")
    time.sleep(pause)
run.finish()
"""
_KEYS = {"lr#1": "lr_x23_1", "a//b": "a_x2F_/b"}
_PARAMS = {"model.depth": "4", "lr": "0.001", "opt": "adam", "text": '"0.1"', "none": "None", "größe/ß": '["ß", 1]'}
_ENDS = {"finished": "FINISHED", "crashed": "FAILED", "killed": "KILLED", "failed": "FAILED"}
_LARGEST = 1.7976931348623157e308


class Storm(NamedTuple):
    """Say how hard a campaign is."""

    seed: int
    kills: int
    rows: int


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
        world, draw = self.world, random.Random(plan.seed)
        with ending(world.start(TRAIN, plan.rows, 0.004, TRACKHUB_FINISH_TIMEOUT_S="1")) as training:
            run_id = str(training.stdout.readline().strip())
            while world.killed < plan.kills:
                delivery = delivery_of(training.pid)
                sync = None if delivery is not None else world.start_sync()
                wanted, ended = busy() + draw.randint(1, 15), False
                while busy() < wanted and not ended:
                    ended = sync.poll() is not None if sync else delivery_of(training.pid) != delivery
                    time.sleep(0.002)
                time.sleep(draw.random() * 0.02)
                if not ended:
                    world.kill(sync.pid if sync else delivery)
                if sync is None:
                    eventually(lambda killed=delivery: delivery_of(training.pid) != killed)
                elif sync.communicate() and sync.returncode == 0 and training.poll() is not None:
                    break  # all was delivered before it could be killed
            assert training.wait(120) == 0, training.stderr.read()
        return run_id

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
        rows = [int(line) for line in (self.world.folder / "acknowledged").read_text().split()]
        logged = {(point.step, point.value) for point in self.world.journal(run_id).points if point.name == "loss"}
        assert {(number, 1 / (number + 1)) for number in rows} <= logged
        assert len(logged) <= len(rows) + 1
        return len(rows)

    def count(self, run_id: str) -> None:
        """Add up what was done to a run."""
        told = self.world.journal(run_id)
        seen = self.proxy.seen if self.proxy else []
        self.numbers.update(
            runs=1,
            kills=self.world.killed,
            requests=len(seen),
            faults=sum(one.fault != "pass" for one in seen),
            points=len(told.points),
            files=len(told.artifacts),
        )


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
