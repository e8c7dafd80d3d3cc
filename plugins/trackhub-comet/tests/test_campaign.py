"""Kill trainings, deliveries and syncs against a server of Comet's protocol, and hold every row against the journal.

The training scripts, the delivery processes and the syncs are processes of their own. What the server
holds is read from its state, not through the plugin; then once more through the plugin's own read hooks.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comet_server import KINDEST, WORST, Behaviour, CometServer, comet_server
from comet_server.server import HALF
from comet_stage import Stage, expected_rows, held_rows
from support.faultproxy import DROP, HOLE, RESET, STALL, answer, delay
from support.mlflow_server import free_port
from support.storm import TRAIN, Storm
from support.training import TrainingWorld, delivery_of, ending, eventually

pytestmark = pytest.mark.timeout(600)

ADD, METRICS, OTHER = "/logger/add/run", "/batch/logger/experiment/metric", "/write/experiment/log-other"
OPTIONS = "values_per_minute=0&settle_s=1&timeout_s=2"
BAD_NETWORK = {
    DROP: 0.05,
    RESET: 0.04,
    delay(0.05): 0.05,
    answer(500): 0.01,
    answer(503): 0.02,
    answer(429, retry_after="0.2"): 0.02,
    STALL: 0.004,
    HOLE: 0.004,
    HALF: 0.02,
}
SLOW = replace(WORST, lag_s=0.2)
STORMS = [
    (SLOW, Storm(seed=8, kills=2, rows=50)),
    pytest.param(KINDEST, Storm(seed=10, kills=4, rows=300), marks=pytest.mark.slow),
    pytest.param(KINDEST, Storm(seed=11, kills=15, rows=1500), marks=pytest.mark.slow),
    pytest.param(SLOW, Storm(seed=12, kills=15, rows=1500), marks=pytest.mark.slow),
    pytest.param(SLOW, Storm(seed=13, kills=15, rows=2500), marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def numbers() -> Iterator[Counter[str]]:
    """Add up what the campaign did, and print it at its end."""
    counted: Counter[str] = Counter()
    yield counted
    sys.stdout.write("\ncampaign: " + ", ".join(f"{count:,} {what}" for what, count in counted.items()) + "\n")


def stage_at(comet: CometServer, tmp_path: Path, open_at: Any, numbers: Counter[str]) -> Stage:
    world = TrainingWorld(tmp_path / "world", f"{comet.destination}/team?{OPTIONS}")
    return Stage(world, comet, open_at(comet), numbers)


@pytest.fixture
def stage(comet: CometServer, tmp_path: Path, open_at: Any, numbers: Counter[str]) -> Stage:
    return stage_at(comet, tmp_path, open_at, numbers)


# ---- the delivery is killed, again and again ---------------------------------------------


@pytest.mark.parametrize(("behaviour", "plan"), STORMS, ids=["short", "kind-4", "kind-15", "worst-15", "worst-long"])
def test_a_delivery_killed_again_and_again_loses_and_repeats_nothing(
    behaviour: Behaviour, plan: Storm, tmp_path: Path, open_at: Any, numbers: Counter[str]
):
    """SIGKILLs in mid-delivery and every kind of fault, on the kindest and on the worst server: each row once."""
    with comet_server(behaviour) as comet:
        stage = stage_at(comet, tmp_path, open_at, numbers)
        comet.faults.rates(BAD_NETWORK, seed=plan.seed)
        run_id = stage.storm(plan)
        stage.world.sync(tries=8)
        comet.faults.heal()
        time.sleep(behaviour.lag_s)
        held = stage.check(run_id)
        assert stage.check_acknowledged(run_id) == plan.rows
        stage.count(run_id)

        # A cursor that is lost costs time, and nothing else.
        before = held_rows(held)
        for folder in stage.world.folder.glob(".trackhub/runs/*/*/delivery"):
            shutil.rmtree(folder)
        stage.world.sync()
        assert held_rows(held) == before
        stage.check(run_id)


# ---- the training is killed --------------------------------------------------------------


@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 26))])
def test_a_training_that_is_killed_is_crashed_with_every_point(stage: Stage, comet: CometServer, seed: int):
    """SIGKILL at any moment: soon Comet says crashed, our own word for it too, and no acknowledged row is missing."""
    draw = random.Random(seed)
    with ending(stage.world.start(TRAIN, 100_000, draw.choice([0.0005, 0.002]))) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: comet.experiments(run_id))
        time.sleep(draw.random())
        stage.world.kill(training.pid)
        eventually(lambda: not comet.experiment(run_id).running, 60)
        eventually(lambda: delivery_of(training.pid) is None, 60)
    held = stage.check(run_id)
    assert (held.crashed, held.others["trackhub.status"].value, [*held.tags]) == (True, "crashed", ["crashed"])
    assert stage.check_acknowledged(run_id) > 0
    stage.count(run_id)


# ---- the server is away ------------------------------------------------------------------

AWAY = """
import sys, time
import trackhub
run = trackhub.start_run(project="away", name="the storm", params={"lr": 0.1})
print(run.id, flush=True)
for i in range(300):
    run.log({"loss": 1 / (i + 1)}, step=i)
    time.sleep(0.008)
run.log_text("hello", "notes.txt")
began = time.monotonic()
run.finish(timeout_s=3)
print(time.monotonic() - began, flush=True)
sys.exit(5)
"""


def test_a_server_that_is_away_costs_a_training_nothing(tmp_path: Path):
    """Down, silent, broken, dying, or with a wrong key: the script ends in time, and a sync brings everything."""
    down = free_port()
    with (
        comet_server() as silent,
        comet_server() as broken,
        comet_server() as dying,
        comet_server() as denying,
    ):
        silent.faults.script("/", HOLE, times=10**6)
        broken.faults.script("/", answer(500), times=10**6)
        denying.keys.clear()
        servers = {"silent": silent, "broken": broken, "dying": dying, "denying": denying}
        urls = {name: f"{comet.destination}/team?{OPTIONS}" for name, comet in servers.items()}
        urls["down"] = f"comet+http://127.0.0.1:{down}/team?{OPTIONS}"
        # One training, attached to all of them.
        world = TrainingWorld(tmp_path / "world", ",".join(urls.values()))
        with ending(world.start(AWAY, TRACKHUB_LINGER_S="1")) as training:
            run_id = training.stdout.readline().strip()
            eventually(lambda: dying.experiments(run_id) and dying.experiment(run_id).metrics)
            dying.faults.script("/", RESET, times=10**6)
            out, err = training.communicate(timeout=120)
            assert (training.returncode, err) == (5, "")
            assert float(out) < 4
            eventually(lambda: delivery_of(training.pid) is None, 90)
        assert not any(comet.state.experiments for comet in (silent, broken, denying))
        assert dying.experiment(run_id).running
        reports = [json.loads(path.read_text()) for path in world.folder.glob(".trackhub/runs/*/*/delivery/*.json")]
        assert any("COMET_API_KEY" in json.dumps(one) for one in reports)
        for comet in servers.values():
            comet.faults.heal()
        denying.keys |= dying.keys
        with comet_server(port=down) as up:
            world.sync(timeout_s=200)
            for comet in (*servers.values(), up):
                held = comet.experiment(run_id)
                assert (held.running, held.params["lr"].value) == (False, "0.1")
                assert [asset.content for asset in held.assets if asset.name == "notes.txt"] == [b"hello"]
                assert Counter(held_rows(held)) == Counter(expected_rows(world.journal(run_id).points))


# ---- going on ----------------------------------------------------------------------------


def test_a_killed_training_that_is_resumed_goes_on_in_its_experiment(stage: Stage, comet: CometServer):
    """Crashed becomes running, then finished, in the same experiment, with both attempts' points and files."""
    with ending(stage.world.start(TRAIN, 10_000, 0.002)) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: comet.experiments(run_id) and len(comet.experiment(run_id).metrics) > 100)
        stage.world.kill(training.pid)
        eventually(lambda: not comet.experiment(run_id).running, 60)
        eventually(lambda: delivery_of(training.pid) is None, 60)
    more = {"RUN_ID": run_id, "RESUME": "must", "FIRST": "20000"}
    with ending(stage.world.start(TRAIN, 300, 0.01, **more)) as again:
        eventually(lambda: comet.experiment(run_id).running, 60)
        assert again.wait(90) == 0, again.stderr.read()
    held = stage.check(run_id)
    assert (held.crashed, held.others["trackhub.status"].value, [*held.tags]) == (False, "finished", [])


# ---- what lands late ---------------------------------------------------------------------


def test_a_request_that_lands_after_all_is_read_back_once(stage: Stage, comet: CometServer):
    """Nobody can take back a request of a dead process; where it lands late, a row is there twice and read once."""
    late = threading.Event()
    comet.faults.script(METRICS, delay(60, until=late))
    with ending(stage.world.start(TRAIN, 60, 0.001, TRACKHUB_FINISH_TIMEOUT_S="0.5")) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: comet.faults.count(METRICS))
        delivery = delivery_of(training.pid)
        stage.world.kill(delivery)
        assert training.wait(60) == 0
    stage.world.sync()
    late.set()
    eventually(lambda: len(held_rows(comet.experiment(run_id))) > len(stage.world.journal(run_id).points))
    stage.check(run_id, may_repeat=True)
