"""Set a training, a Comet server and a bad network on a stage, and hold what the server has against the journal.

What Comet must hold is worked out here from the table in the plugin's README, and compared with the
server's own state, row by row and byte by byte; then once more through the plugin's read hooks.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

from comet_server import CometServer, Experiment
from support.oracle import differences
from support.training import TrainingWorld, delivery_of, ending, eventually

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
_PARAMS = {"model.depth": "4", "lr": "0.001", "opt": "adam", "text": '"0.1"', "none": "None", "größe/ß": '["ß", 1]'}
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}
SentRow = tuple[str, str, int | None, int, int]


class Storm(NamedTuple):
    """Say how hard a campaign is."""

    seed: int
    kills: int
    rows: int


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
        world, draw, seen = self.world, random.Random(plan.seed), self.comet.faults.seen
        with ending(world.start(TRAIN, plan.rows, 0.004, TRACKHUB_FINISH_TIMEOUT_S="1")) as training:
            run_id = str(training.stdout.readline().strip())
            while world.killed < plan.kills:
                delivery = delivery_of(training.pid)
                sync = None if delivery is not None else world.start_sync()
                wanted, ended = len(seen) + draw.randint(1, 25), False
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
        rows = [int(line) for line in (self.world.folder / "acknowledged").read_text().split()]
        logged = {(point.step, point.value) for point in self.world.journal(run_id).points if point.name == "loss"}
        assert {(number, 1 / (number + 1)) for number in rows} <= logged
        assert len(logged) <= len(rows) + 1
        return len(rows)

    def count(self, run_id: str) -> None:
        """Add up what was done to a run."""
        told, seen = self.world.journal(run_id), self.comet.faults.seen
        self.numbers.update(
            runs=1,
            kills=self.world.killed,
            requests=len(seen),
            faults=sum(one.fault != "pass" for one in seen),
            points=len(told.points),
            files=len(told.artifacts),
        )


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
