"""Set a training, a W&B server and a bad network on a stage, and hold what the server has against the journal.

What W&B must hold is worked out here from the table in the plugin's README, and compared with the server's own state,
row by row and byte by byte; then once more through the plugin's read hooks.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from support.oracle import differences
from support.storm import Storm, acknowledged, done, rage, script
from support.training import TrainingWorld
from wandb_server import Run, WandbServer

from trackhub.model.entities import MetricPoint, RunRef

TRAIN = script(params='"big": 2**70, "whole": 3.0', metrics='"_hidden": 0.5')
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
        return rage(self.world, plan, lambda: len(self.server.faults.seen), train=TRAIN, between=(1, 30))

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
        return acknowledged(self.world, run_id)

    def count(self, run_id: str) -> None:
        """Add up what was done to a run."""
        copies = self.server.run(run_id).copies
        self.numbers.update({**done(self.world, run_id, self.server.faults.seen), "lines sent again": copies})

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
