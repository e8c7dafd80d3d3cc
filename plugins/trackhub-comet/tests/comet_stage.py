"""Set a training, a Comet server and a bad network on a stage, and hold what the server has against the journal.

What Comet must hold is worked out here from the table in the plugin's README, and compared with the
server's own state, row by row and byte by byte; then once more through the plugin's read hooks.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from comet_server import CometServer, Experiment
from support.oracle import differences
from support.storm import Storm, acknowledged, done, rage
from support.training import TrainingWorld

from trackhub.model.entities import MetricPoint, RunRef

_PARAMS = {"model.depth": "4", "lr": "0.001", "opt": "adam", "text": '"0.1"', "none": "None", "größe/ß": '["ß", 1]'}
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}
SentRow = tuple[str, str, int | None, int, int]


@dataclass
class Stage:
    """Hold one training and the server it logs to.

    :ivar reading: a backend that reads what the server holds.
    :ivar numbers: what was done, added up.
    """

    world: TrainingWorld
    comet: CometServer
    reading: Any
    numbers: Counter[str]

    def storm(self, plan: Storm) -> str:
        """Kill the delivery process of a training, then sync after sync, each in the middle of its work."""
        return rage(self.world, plan, lambda: len(self.comet.faults.seen), between=(1, 25))

    def check(self, run_id: str, *, may_repeat: bool = False) -> Experiment:
        """Hold all that the server has of a run against its journal; return its experiment.

        :param may_repeat: a request that nobody waited for any more may have landed late: rows that are
            equal in everything may then be there twice, and are read back once.
        """
        told = self.world.journal(run_id)
        held = self.comet.experiment(run_id)
        rows = Counter(held_rows(held))
        wanted = Counter(expected_rows(told.points))
        assert not wanted - rows, f"lost: {list((wanted - rows).items())[:3]}"
        assert not rows.keys() - wanted.keys(), f"made up: {list(rows.keys() - wanted.keys())[:3]}"
        repeated = sum((rows - wanted).values())
        assert may_repeat or not repeated, f"{repeated} rows are there twice: {list((rows - wanted).items())[:3]}"
        assert {name: one.value for name, one in held.params.items()} == _PARAMS
        tags = {tag.name: tag.value for tag in told.tags}
        assert (held.others["phase"].value, held.others["owner#"].value) == (tags["phase"], "ada")
        files = Counter(asset.content for asset in {one.id: one for one in held.assets}.values() if ours(asset.name))
        assert files == Counter(file.source.read_bytes() for one in told.artifacts for file in one.files)
        began, end = told.life.started, told.life.end
        assert began is not None
        assert end is not None
        assert (held.workspace, held.project, held.name) == ("team", "storm", "the storm")
        assert (held.running, held.crashed) == (False, end.status != "finished")
        assert held.others["trackhub.status"].value == end.status
        assert (held.start, held.end) == (began.time // 10**6, end.time // 10**6)
        everything: dict[str, Any] = {
            "points": told.points,
            "params": told.params,
            "tags": told.tags,
            "artifacts": told.artifacts,
        }
        found = differences(self.reading, RunRef(id=held.key), run_id=run_id, project="storm", **everything)
        assert found == []
        self.numbers["rows there twice"] += repeated
        return held

    def check_acknowledged(self, run_id: str) -> int:
        """Return how many rows the script was told are safe; all of them must be in the journal."""
        return acknowledged(self.world, run_id)

    def count(self, run_id: str) -> None:
        """Add up what was done to a run."""
        self.numbers.update(done(self.world, run_id, self.comet.faults.seen))


def ours(name: str) -> bool:
    """Return whether a file of the server's is one that a user logged."""
    return not re.match(r"trackhub/(points/|values/|environment-|position)", name)


def held_rows(held: Experiment) -> list[SentRow]:
    """Return the rows that the server was given, but for what only trackhub needs."""
    return [
        (row.name, repr(row.value), row.step, row.epoch, row.time)  # type: ignore[misc]  # none of ours is without
        for row in held.metrics
        if not row.name.startswith("trackhub.")
    ]


def expected_rows(points: list[MetricPoint]) -> list[SentRow]:
    """Return the rows that points must become."""
    rows = []
    for place, point in enumerate(points):
        value: Any = point.value
        kind = 6 if isinstance(value, bool) else 3 if isinstance(value, int) else 0
        kind += 1 if point.step is None else 2 if isinstance(point.step, float) else 0
        exact = (not isinstance(value, int) or abs(value) <= 2**53) and (point.step is None or point.step % 1 == 0)
        sent = int(value) if isinstance(value, bool) else value if abs(value) <= 2**53 else float(value)
        word = "NaN" if math.isnan(sent) else _WORDS.get(sent, sent)
        step = None if point.step is None else math.floor(point.step)
        rows.append((point.name, repr(word), step, place * 10 + (kind if exact else 9), point.time // 10**6))
    return rows
