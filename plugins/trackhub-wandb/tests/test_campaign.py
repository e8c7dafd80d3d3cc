"""Kill trainings, deliveries and syncs against W&B's protocol, and hold every row and file against the journal.

The training scripts, the delivery processes and the syncs are processes of their own, and so is the SDK in each; what
the server holds is read from its state, not through the plugin. See ``wandb_stage.py``.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import DROP, HOLE, RESET, answer, delay
from support.storm import Storm
from support.training import TrainingWorld, delivery_of, ending, eventually
from wandb_server import KINDEST, WORST, WandbServer, wandb_server
from wandb_stage import TRAIN, Stage

pytestmark = pytest.mark.timeout(500)

BAD_NETWORK = {
    DROP: 0.06,
    RESET: 0.04,
    delay(0.05): 0.05,
    answer(503): 0.03,
    answer(500): 0.01,
    answer(429, retry_after="1"): 0.01,
    HOLE: 0.002,
}
STORMS = [
    Storm(seed=7, kills=3, rows=250),
    pytest.param(Storm(seed=11, kills=20, rows=2500), marks=pytest.mark.slow),
    pytest.param(Storm(seed=12, kills=20, rows=2500), marks=pytest.mark.slow),
]
OPTIONS = "timeout_s=4&settle_s=3"


@pytest.fixture(scope="module")
def numbers() -> Iterator[Counter[str]]:
    """Add up what the campaign did, and print it at its end."""
    counted: Counter[str] = Counter()
    yield counted
    sys.stdout.write("\ncampaign: " + ", ".join(f"{count:,} {what}" for what, count in counted.items()) + "\n")


@pytest.fixture(params=[pytest.param("kindest", marks=pytest.mark.slow), "worst"])
def server(request: pytest.FixtureRequest) -> Iterator[WandbServer]:
    """Return a server of each kind; the short form is held to the worst."""
    with wandb_server(KINDEST if request.param == "kindest" else WORST) as server:
        yield server


@pytest.fixture
def stage(tmp_path: Path, server: WandbServer, open_at: Any, numbers: Counter[str]) -> Stage:
    world = TrainingWorld(tmp_path / "world", f"{server.destination}/team?{OPTIONS}")
    return Stage(world, server, open_at(server, "team"), numbers)


@pytest.mark.parametrize("plan", STORMS, ids=str)
def test_a_delivery_killed_again_and_again_loses_and_repeats_nothing(stage: Stage, plan: Storm):
    """SIGKILLs in mid-delivery and a network that loses, resets, delays, refuses and is silent: exactly as logged."""
    stage.server.faults.rates(BAD_NETWORK, seed=plan.seed)
    run_id = stage.storm(plan)
    stage.server.faults.heal()
    stage.world.sync(tries=3)
    stage.check(run_id)
    assert stage.check_acknowledged(run_id) == plan.rows
    stage.count(run_id)

    # A cursor that is lost costs time, and nothing else.
    before = len(stage.server.run(run_id).history)
    for folder in stage.world.folder.glob(".trackhub/runs/*/*/delivery"):
        shutil.rmtree(folder)
    stage.world.sync()
    assert len(stage.server.run(run_id).history) == before
    stage.check(run_id)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, *range(20, 26)])
def test_a_training_that_is_killed_is_crashed_with_every_point(stage: Stage, seed: int):
    """SIGKILL at any moment: within seconds W&B says failed, our config crashed, and no acknowledged row is missing."""
    draw = random.Random(seed)
    with ending(stage.world.start(TRAIN, 100_000, draw.choice([0.0005, 0.002]))) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: stage.server.runs(run_id))
        time.sleep(draw.random())
        stage.world.kill(training.pid)
        eventually(lambda: stage.server.run(run_id).state == "failed", 60)
        eventually(lambda: delivery_of(training.pid) is None)
    stage.check(run_id)
    assert stage.check_acknowledged(run_id) > 0
    stage.count(run_id)


@pytest.mark.slow
def test_a_killed_training_that_is_resumed_goes_on_in_its_run(stage: Stage):
    """Failed becomes running, then finished, in the same run, with both attempts' points and files."""
    world, server = stage.world, stage.server
    with ending(world.start(TRAIN, 10_000, 0.002)) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: server.runs(run_id) and len(server.run(run_id).history) > 100)
        world.kill(training.pid)
        eventually(lambda: server.run(run_id).state == "failed", 60)
        eventually(lambda: delivery_of(training.pid) is None)
    more = {"RUN_ID": run_id, "RESUME": "must", "FIRST": "20000"}
    with ending(world.start(TRAIN, 300, 0.01, **more)) as again:
        eventually(lambda: server.run(run_id).state == "running", 60)
        assert again.wait(90) == 0, again.stderr.read()
        eventually(lambda: delivery_of(again.pid) is None, 60)
    held = stage.check(run_id)
    assert held.state == "finished"
    stage.count(run_id)
