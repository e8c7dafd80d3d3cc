"""Set a training, a W&B server and a bad network on a stage, and hold what the server has against the journal.

What W&B must hold is worked out here from the table in the plugin's README, and compared with the server's own state,
row by row and byte by byte; then once more through the plugin's read hooks.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from support.oracle import differences
from support.training import TrainingWorld, delivery_of, ending, eventually
from wandb_server import Run, WandbServer

from trackhub.model.entities import MetricPoint, RunRef

TRAIN = """
import math, os, sys, time
from pathlib import Path
import trackhub

rows, pause, odd = int(sys.argv[1]), float(sys.argv[2]), [math.nan, math.inf, -math.inf, 0, True, 2**60 + 1, -0.25]
run = trackhub.start_run(
    project="storm", name="the storm", id=os.environ.get("RUN_ID"), resume=os.environ.get("RESUME", "never"),
    params={"model": {"depth": 4}, "lr": 0.001, "opt": "adam", "text": "0.1", "none": None, "größe/ß": ["ß", 1],
            "big": 2**70, "whole": 3.0},
)
print(run.id, flush=True)
acknowledged = os.open("acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
first = int(os.environ.get("FIRST", "0"))
for i in range(first, first + rows):
    run.log({"loss": 1 / (i + 1), "epoch": i // 10}, step=i)
    os.write(acknowledged, b"%d\\n" % i)
    step = [i, i, None, i // 2, -i, i / 4, 99 - i][i % 7]
    run.log({"odd": odd[i % 7], "größe λ": float(i), "a//b": i / 7}, step=step)
    run.log({"lr#1": 0.5, "val/acc": 1.0, "_hidden": 0.5}, step=1)
    if i % 40 == 0:
        run.set_tags({"phase": f"at {i}", "owner#": "ada"})
    if i % 100 == 50:
        Path("model.bin").write_bytes(os.urandom(2000))
        run.log_artifact("model.bin")
        run.log_text(str(i), f"notes/{i}#.txt")
    time.sleep(pause)
run.finish()
"""
_CONFIG = {
    "model.depth": 4,
    "lr": 0.001,
    "opt": "adam",
    "text": "0.1",
    "none": None,
    "größe/ß": ["ß", 1],
    "big": float(2**70),
    "whole": 3,
}
_OURS = ("trackhub/", "_step", "_runtime", "_timestamp")
_STATES = {"finished": "finished", "failed": "failed", "killed": "failed", "crashed": "failed"}
SentRow = tuple[str, str, str, int]


class Storm(NamedTuple):
    """Say how hard a campaign is."""

    seed: int
    kills: int
    rows: int


@dataclass
class Stage:
    """Hold one training and the server it logs to.

    :ivar reading: a backend that reads.
    :ivar numbers: what was done, added up.
    """

    world: TrainingWorld
    server: WandbServer
    reading: Any
    numbers: Counter[str]

    def storm(self, plan: Storm) -> str:
        """Kill the delivery process of a training, then sync after sync, each in the middle of its work."""
        world, draw, seen = self.world, random.Random(plan.seed), self.server.faults.seen
        with ending(world.start(TRAIN, plan.rows, 0.004, TRACKHUB_FINISH_TIMEOUT_S="1")) as training:
            run_id = str(training.stdout.readline().strip())
            while world.killed < plan.kills:
                delivery = delivery_of(training.pid)
                sync = None if delivery is not None else world.start_sync()
                wanted, ended = len(seen) + draw.randint(1, 30), False
                while len(seen) < wanted and not ended:
                    ended = sync.poll() is not None if sync else delivery_of(training.pid) != delivery
                    time.sleep(0.002)
                time.sleep(draw.random() * 0.02)
                if not ended:
                    world.kill(sync.pid if sync else delivery)
                if sync is None:
                    eventually(lambda killed=delivery: delivery_of(training.pid) != killed)
                elif sync.communicate() and sync.returncode == 0 and training.poll() is not None:
                    break  # all was delivered before it could be killed
            assert training.wait(180) == 0, training.stderr.read()
        return run_id

    def check(self, run_id: str) -> Run:
        """Hold all that the server has of a run against its journal; return it."""
        told = self.world.journal(run_id)
        held = self.server.run(run_id)
        rows = self._rows(held)
        there, wanted = Counter(sent_rows(rows)), Counter(expected_rows(told.points))
        assert not wanted - there, f"lost: {list((wanted - there).items())[:3]}"
        assert not there - wanted, f"too many: {list((there - wanted).items())[:3]}"
        config = {key: one["value"] for key, one in json.loads(held.config).items() if not key.startswith("_wandb")}
        ours = config.pop("trackhub")
        assert config == _CONFIG
        assert (ours["run_id"], json.loads(ours["project"])) == (run_id, "storm")
        tags = {tag.name: tag.value for tag in told.tags}
        assert sorted(held.tags) == [f"owner#={tags['owner#']}", f"phase={tags['phase']}"]
        end = told.life.end
        assert end is not None
        assert (held.entity, held.project, held.display_name) == ("team", "storm", "the storm")
        assert (held.state, ours["status"]) == (_STATES[end.status], end.status)
        self._check_artifacts(held, told.artifacts)
        everything = {"points": told.points, "params": told.params, "tags": told.tags, "artifacts": told.artifacts}
        ref = RunRef(id=f"storm/{run_id}")
        found = differences(self.reading, ref, run_id=run_id, project="storm", **everything, resolution_ns=1000)
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
        told, seen = self.world.journal(run_id), self.server.faults.seen
        self.numbers.update(
            {
                "runs": 1,
                "kills": self.world.killed,
                "requests": len(seen),
                "faults": sum(one.fault != "pass" for one in seen),
                "points": len(told.points),
                "files": len(told.artifacts),
                "lines sent again": self.server.run(run_id).copies,
            }
        )

    def _rows(self, held: Run) -> list[dict[str, Any]]:
        """Return the rows that are there, each once: no number may be missing untold, and a copy must say the same."""
        rows: dict[int, dict[str, Any]] = {}
        for line in held.history:
            row = json.loads(line.text)
            row.pop("_runtime")
            known = rows.setdefault(row["_step"], row)
            assert repr(sorted(known.items())) == repr(sorted(row.items())), "a copy says something else"
        left_out = [row.get("trackhub/skipped", 0) for _, row in sorted(rows.items())]
        assert left_out == sorted(left_out)
        assert [number - skipped for number, skipped in zip(sorted(rows), left_out, strict=True)] == [*range(len(rows))]
        assert held.gaps == 0
        if not self.server.state.behaviour.keeps_copies:
            assert len(held.history) == len(rows)
        return [rows[number] for number in sorted(rows)]

    def _check_artifacts(self, held: Run, artifacts: list[Any]) -> None:
        state = self.server.state
        versions = [state.artifacts[number] for number in held.outputs]
        assert len({one.digest for one in versions}) == len(versions)
        content = Counter(
            state.blobs[blob] for one in versions for name, blob in one.files.items() if name != "trackhub.json"
        )
        assert content == Counter(file.source.read_bytes() for one in artifacts for file in one.files)


def sent_rows(rows: list[dict[str, Any]]) -> list[SentRow]:
    """Return what rows say of each name."""
    found = []
    for row in rows:
        missing = '"":"none"' in row.get("trackhub/exact", "")
        step = "missing" if missing else repr(float(row["trackhub/step"]))
        for key, value in row.items():
            if not key.startswith(_OURS):
                found.append((key, repr(float(value)), step, round(row["_timestamp"] * 10**6)))
    return found


def expected_rows(points: list[MetricPoint]) -> list[SentRow]:
    """Return what points must become."""
    keys = {"_hidden": "_x5F_hidden"}
    return [
        (
            keys.get(point.name, point.name),
            repr(math.nan if point.value != point.value else float(point.value)),
            "missing" if point.step is None else repr(float(point.step)),
            point.time // 1000,
        )
        for point in points
    ]
