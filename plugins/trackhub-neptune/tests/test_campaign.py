"""Kill trainings, deliveries and syncs against a Neptune, and hold every row that it has against the journal.

Everything but the server is a process of its own. What Neptune holds is counted in the server's state, not
through the plugin; then what it means is read once more through the plugin's own read hooks.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from neptune_server import NeptuneServer, Rules, Run
from support.faultproxy import DROP, RESET, STALL, Fault, FaultProxy, answer, delay
from support.oracle import differences
from support.storm import TRAIN, Storm, acknowledged, done, rage
from support.training import TrainingWorld, delivery_of, ending, eventually

from trackhub.model.entities import RunRef

pytestmark = pytest.mark.timeout(600)

CREATE = {"v1": "/api/leaderboard/v1/op/createExperiment", "scale": "/api/client/v1/ingest"}
BAD_NETWORK = {DROP: 0.08, RESET: 0.04, delay(0.05): 0.05, answer(503): 0.04, answer(429, retry_after="1"): 0.01}
STORMS = [
    Storm(seed=7, kills=2, rows=150),
    pytest.param(Storm(seed=11, kills=15, rows=2000), marks=pytest.mark.slow),
    pytest.param(Storm(seed=12, kills=15, rows=2000), marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def numbers() -> Iterator[Counter[str]]:
    """Add up what the campaign did, and print it at its end."""
    counted: Counter[str] = Counter()
    yield counted
    sys.stdout.write("\ncampaign: " + ", ".join(f"{count:,} {what}" for what, count in counted.items()) + "\n")


@pytest.fixture
def rules() -> Rules:
    """Return the strictest rules: nothing that is sent twice, or out of order, would go unnoticed."""
    return Rules.worst()


@pytest.fixture
def stage(tmp_path: Path, proxy: FaultProxy, open_at: Any, server: NeptuneServer, monkeypatch: Any) -> Stage:
    monkeypatch.setenv("NEPTUNE_READING_TOKEN", server.token())
    reading = open_at(server, proxy.url, token_env="NEPTUNE_READING_TOKEN")
    world = TrainingWorld(tmp_path / "world", f"neptune://team/digits?api={server.product}")
    return Stage(world, proxy, server, reading, Counter())


@pytest.fixture(autouse=True)
def counted(stage: Stage, numbers: Counter[str]) -> Iterator[None]:
    """Add up what a test did."""
    yield
    numbers.update(stage.numbers)


@dataclass
class Stage:
    """Hold one training and the Neptune it logs to."""

    world: TrainingWorld
    proxy: FaultProxy
    server: NeptuneServer
    reading: Any
    numbers: Counter[str]

    def runs(self, run_id: str) -> list[Run]:
        """Return what the server has of our id."""
        with self.server.state.lock:
            return [run for run in self.server.state.runs.values() if run.custom_id == run_id]

    def storm(self, plan: Storm) -> str:
        """Kill the delivery process of a training, then sync after sync, each in the middle of its work."""
        return rage(self.world, plan, lambda: len(self.proxy.seen), between=(8, 40))

    def check(self, run_id: str) -> Run:
        """Hold all that Neptune has of a run against its journal; return the one run that it has."""
        told = self.world.journal(run_id)
        (held,) = self.runs(run_id)
        rows = {path: one.points for path, one in held.attributes.items() if path.startswith("metrics/")}
        for path, points in rows.items():
            steps = [point.step for point in points]
            assert steps == sorted(set(steps)), path
        finite = sum(point.value - point.value == 0 for point in told.points)
        assert sum(map(len, rows.values())) == finite
        assert held.refused == []
        everything = {"points": told.points, "params": told.params, "tags": told.tags, "artifacts": told.artifacts}
        ref = RunRef(id=held.id if self.server.product == "v1" else run_id)
        assert differences(self.reading, ref, run_id=run_id, project="storm", **everything) == []
        record = self.reading.trackhub_read_run(run_id, "storm")
        assert told.life.end is not None
        assert (record.status, record.ended) == (told.life.end.status, told.life.end.time)
        return held

    def check_acknowledged(self, run_id: str) -> int:
        """Return how many rows the script was told are safe; all of them must be in the journal."""
        return acknowledged(self.world, run_id)

    def count(self, run_id: str) -> None:
        """Add up what was done to a run."""
        self.numbers.update(done(self.world, run_id, self.proxy.seen))


@pytest.mark.parametrize("plan", STORMS, ids=str)
def test_a_delivery_killed_again_and_again_loses_and_repeats_nothing(stage: Stage, proxy: FaultProxy, plan: Storm):
    """SIGKILLs in mid-delivery, requests cut in two, and a network that loses, resets, delays and refuses."""
    proxy.rates(BAD_NETWORK, seed=plan.seed)
    draw = random.Random(plan.seed)

    def tear() -> int | None:
        if draw.random() > 0.06:
            return None
        stage.numbers["requests cut in two"] += 1
        return draw.randint(0, 6)

    stage.server.tear = tear
    run_id = stage.storm(plan)
    stage.world.sync(tries=8)
    stage.server.tear = lambda: None
    held = stage.check(run_id)
    assert stage.check_acknowledged(run_id) == plan.rows
    stage.count(run_id)

    # A cursor that is lost costs time, and nothing else.
    proxy.heal()
    before = {path: list(one.points) for path, one in held.copy().attributes.items()}
    for folder in stage.world.folder.glob(".trackhub/runs/*/*/delivery"):
        shutil.rmtree(folder)
    stage.world.sync()
    assert {path: one.points for path, one in stage.check(run_id).attributes.items()} == before


@pytest.mark.parametrize("api", ["scale", pytest.param("v1", marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 25))])
def test_a_training_that_is_killed_is_crashed_with_every_point(stage: Stage, seed: int):
    """SIGKILL at any moment: Neptune says crashed and failed, and no acknowledged row is missing."""
    draw = random.Random(seed)
    with ending(stage.world.start(TRAIN, 100_000, draw.choice([0.0005, 0.002]))) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: stage.runs(run_id))
        time.sleep(draw.random())
        stage.world.kill(training.pid)
        eventually(lambda: _value(stage.runs(run_id)[0], "trackhub/status") == "crashed", 60)
        eventually(lambda: delivery_of(training.pid) is None)
    held = stage.check(run_id)
    assert _value(held, "sys/failed") is True
    assert stage.check_acknowledged(run_id) > 0
    stage.count(run_id)


@pytest.mark.parametrize("api", ["v1", pytest.param("scale", marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", [DROP, pytest.param(STALL, marks=pytest.mark.slow)], ids=["lost", "killed"])
def test_a_delivery_killed_while_its_run_is_created_makes_one_run(stage: Stage, proxy: FaultProxy, fault: Fault):
    """The server has created the run, nobody was told of it, and the next deliverer finds it by its id."""
    proxy.script(CREATE[stage.server.product], fault)
    with ending(stage.world.start(TRAIN, 40, 0.001, TRACKHUB_FINISH_TIMEOUT_S="0.5")) as training:
        run_id = str(training.stdout.readline().strip())
        eventually(lambda: stage.runs(run_id))
        delivery = delivery_of(training.pid)
        assert delivery is not None
        stage.world.kill(delivery)
        assert training.wait(60) == 0
    stage.world.sync()
    stage.check(run_id)
    stage.count(run_id)


def _value(run: Run, path: str) -> Any:
    held = run.attributes.get(path)
    return None if held is None else held.value
