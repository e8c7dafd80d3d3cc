"""Kill trainings, deliveries and syncs against a real MLflow, and hold every table row against the journal.

Everything here is a process of its own: the server, the training scripts, the delivery processes, the
syncs. What MLflow holds is read from its tables and its files, not through the plugin; then, for what
is kept beside, once more through the plugin's own read hooks. See ``tests/support/mlflow_stage.py``.
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
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import DROP, HOLE, RESET, STALL, Fault, FaultProxy, answer, delay, fault_proxy
from support.mlflow_server import MlflowServer, free_port
from support.mlflow_stage import Stage
from support.mlflow_tables import MlflowTables
from support.storm import TRAIN, Storm
from support.training import TrainingWorld, delivery_of, ending, eventually

pytestmark = pytest.mark.timeout(400)

CREATE = "/api/2.0/mlflow/runs/create"
UPDATE = "/api/2.0/mlflow/runs/update"
BAD_NETWORK = {DROP: 0.08, RESET: 0.04, delay(0.05): 0.05, answer(503): 0.04, answer(429, retry_after="1"): 0.01}
STORMS = [
    Storm(seed=7, kills=2, rows=250),
    pytest.param(Storm(seed=11, kills=20, rows=2500), marks=pytest.mark.slow),
    pytest.param(Storm(seed=12, kills=20, rows=2500), marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def numbers() -> Iterator[Counter[str]]:
    """Add up what the campaign did, and print it at its end."""
    counted: Counter[str] = Counter()
    yield counted
    sys.stdout.write("\ncampaign: " + ", ".join(f"{count:,} {what}" for what, count in counted.items()) + "\n")


@pytest.fixture
def tables(server: MlflowServer) -> MlflowTables:
    return MlflowTables(server.folder / "mlflow.db", server.folder / "artifacts")


@pytest.fixture
def world(tmp_path: Path, proxy: FaultProxy) -> TrainingWorld:
    return TrainingWorld(tmp_path / "world", f"mlflow+{proxy.url}")


@pytest.fixture
def stage(world: TrainingWorld, proxy: FaultProxy, tables: MlflowTables, remote: Any, numbers: Counter[str]) -> Stage:
    return Stage(world, proxy, tables, remote, numbers)


# ---- the delivery is killed, again and again ---------------------------------------------


@pytest.mark.parametrize("plan", STORMS, ids=str)
def test_a_delivery_killed_again_and_again_loses_and_repeats_nothing(stage: Stage, proxy: FaultProxy, plan: Storm):
    """SIGKILLs in mid-delivery and a network that loses, resets, delays and refuses: one run, exactly as logged."""
    proxy.rates(BAD_NETWORK, seed=plan.seed)
    run_id = stage.storm(lambda: len(proxy.seen), plan)
    stage.world.sync(tries=5)
    held = stage.check(run_id)
    assert stage.check_acknowledged(run_id) == plan.rows
    assert [run.id for run in stage.tables.runs(run_id)] == [held.id]
    stage.count(run_id)

    # A cursor that is lost costs time, and nothing else.
    proxy.heal()
    before = stage.tables.rows(held.id)
    for folder in stage.world.folder.glob(".trackhub/runs/*/*/delivery"):
        shutil.rmtree(folder)
    stage.world.sync()
    assert stage.tables.rows(held.id) == before
    stage.check(run_id)


@pytest.mark.parametrize("plan", STORMS[:2], ids=str)
def test_a_delivery_to_a_database_killed_again_and_again(
    tmp_path: Path, database: str, open_at: Any, numbers: Counter[str], plan: Storm
):
    """The same without a server: SIGKILL may interrupt SQLite itself."""
    reading = open_at(database)
    reading.trackhub_search_runs(None)  # makes the tables
    tables = MlflowTables(Path(database.removeprefix("sqlite:///")))
    stage = Stage(TrainingWorld(tmp_path / "world", f"mlflow+{database}"), None, tables, reading, numbers)
    records = ".trackhub/runs/*/*/delivery/*.json"

    def busy() -> int:
        return sum(path.stat().st_mtime_ns for path in stage.world.folder.glob(records)) // 10**6

    run_id = stage.storm(busy, plan)
    stage.world.sync()
    stage.check(run_id)
    stage.count(run_id)


# ---- the training is killed --------------------------------------------------------------


@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20, 28))])
def test_a_training_that_is_killed_is_crashed_with_every_point(stage: Stage, seed: int):
    """SIGKILL at any moment: within seconds MLflow says FAILED, our tag crashed, and no acknowledged row is missing."""
    draw = random.Random(seed)
    with ending(stage.world.start(TRAIN, 100_000, draw.choice([0.0005, 0.002]))) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: stage.tables.runs(run_id))
        time.sleep(draw.random())
        stage.world.kill(training.pid)
        began = time.monotonic()
        eventually(lambda: stage.tables.runs(run_id)[0].status != "RUNNING", 60)
        seconds = time.monotonic() - began
        eventually(lambda: delivery_of(training.pid) is None)
    held = stage.check(run_id)
    assert (held.status, held.tags["trackhub.status"]) == ("FAILED", "crashed")
    assert stage.check_acknowledged(run_id) > 0
    assert seconds < 15
    stage.count(run_id)


# ---- the window in which a run is created ------------------------------------------------


def creating(stage: Stage, fault: Fault) -> str:
    """Let a run's creation meet a fault, and kill the delivery process before it can write down what came of it."""
    stage.proxy.script(CREATE, fault)
    with ending(stage.world.start(TRAIN, 60, 0.001, TRACKHUB_FINISH_TIMEOUT_S="0.5")) as training:
        run_id = str(training.stdout.readline().strip())
        eventually(lambda: stage.proxy.count(CREATE))
        if fault.kind != "delay":
            eventually(lambda: stage.tables.runs(run_id))
        delivery = delivery_of(training.pid)
        assert delivery is not None
        stage.world.kill(delivery)
        assert training.wait(60) == 0
    return run_id


@pytest.mark.parametrize("fault", [STALL, DROP], ids=["killed", "killed and lost"])
def test_a_delivery_killed_while_its_run_is_created_makes_one_run(stage: Stage, proxy: FaultProxy, fault: Fault):
    """The server has created the run, nobody was told of it, and the next deliverer finds it by its tag."""
    run_id = creating(stage, fault)
    with ending(stage.world.start_sync()) as sync:  # killed as well, before its first point
        eventually(lambda: len(proxy.seen) > 6)
        stage.world.kill(sync.pid)
    stage.world.sync()
    stage.check(run_id)
    assert (len(stage.tables.runs(run_id)), proxy.count(CREATE)) == (1, 1)


@pytest.mark.slow
def test_a_lost_answer_alone_makes_one_run(stage: Stage, proxy: FaultProxy):
    """The delivery process goes on by itself."""
    proxy.script(CREATE, DROP)
    with ending(stage.world.start(TRAIN, 60, 0.001)) as training:
        run_id = training.stdout.readline().strip()
        assert training.wait(60) == 0
    stage.check(run_id)
    assert (len(stage.tables.runs(run_id)), proxy.count(CREATE)) == (1, 1)


def test_a_creation_that_lands_late_leaves_one_run(stage: Stage, proxy: FaultProxy):
    """A request of a dead process may reach the server after its successor made a run; the empty one is deleted."""
    created, ended = threading.Event(), threading.Event()
    run_id = creating(stage, delay(60, until=created))
    proxy.script(UPDATE, delay(60, until=ended))
    with ending(stage.world.start_sync()) as sync:
        eventually(lambda: proxy.count(UPDATE))
        created.set()
        eventually(lambda: len(stage.tables.runs(run_id)) > 1)
        ended.set()
        assert sync.wait(60) == 0
    held = stage.check(run_id)
    (late,) = [run for run in stage.tables.runs(run_id) if run.id != held.id]
    assert (late.active, late.tags["trackhub.duplicate_of"]) == (False, held.id)


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


def test_a_server_that_is_away_costs_a_training_nothing(server: MlflowServer, tables: MlflowTables, tmp_path: Path):
    """Down, silent, broken, or dying midway: the script ends as it would, in time, and a sync brings everything."""
    with ExitStack() as stack:
        down = free_port()
        proxies = {name: stack.enter_context(fault_proxy(server.url)) for name in ("silent", "broken", "dying")}
        proxies["silent"].script("/", HOLE, times=10**6)
        proxies["broken"].script("/", answer(500), times=10**6)
        urls = {name: f"mlflow+{proxy.url}" for name, proxy in proxies.items()} | {
            "down": f"mlflow+http://127.0.0.1:{down}"
        }
        worlds = {name: TrainingWorld(tmp_path / name, url) for name, url in urls.items()}
        trainings = {
            name: stack.enter_context(ending(world.start(AWAY, TRACKHUB_LINGER_S="1")))
            for name, world in worlds.items()
        }
        ids = {name: training.stdout.readline().strip() for name, training in trainings.items()}
        eventually(lambda: tables.runs(ids["dying"]) and tables.count(tables.runs(ids["dying"])[0].id) > 0)
        proxies["dying"].script("/", RESET, times=10**6)
        for name, training in trainings.items():
            out, err = training.communicate(timeout=90)
            assert (training.returncode, err) == (5, ""), name
            assert float(out) < 4, name
        eventually(lambda: all(delivery_of(training.pid) is None for training in trainings.values()), 60)
        for name in ("down", "silent", "broken"):
            assert tables.runs(ids[name]) == [], name
        assert tables.runs(ids["dying"])[0].status == "RUNNING"
        for proxy in proxies.values():
            proxy.heal()
        proxies["down"] = stack.enter_context(fault_proxy(server.url, port=down))
        world = TrainingWorld(tmp_path / "all", "")
        world.sync(*(f"{one.store.path}={one.to}" for one in worlds.values()))
        for name in worlds:
            (held,) = tables.runs(ids[name])
            assert (held.status, held.params, held.files["notes.txt"]) == ("FINISHED", {"lr": "0.1"}, b"hello"), name
            assert sorted((step, value) for _, value, _, step in tables.rows(held.id)) == [
                (i, 1 / (i + 1)) for i in range(300)
            ], name


@pytest.mark.parametrize("poison", ["param", pytest.param("artifact", marks=pytest.mark.slow)])
def test_one_entry_that_breaks_the_server_is_set_apart(
    world: TrainingWorld, proxy: FaultProxy, tables: MlflowTables, poison: str
):
    """Where a 500 meets one entry only, and the server is well otherwise, that entry is given up, and told of."""
    proxy.script("/", answer(500), times=10**6, holding=f"a poisoned {poison}".encode())
    code = AWAY.replace('"lr": 0.1}', '"lr": 0.1, "a": 1, "a poisoned param": 2, "b": 3}')
    code = code.replace(
        'run.log_text("hello"', 'run.log_text("a poisoned artifact", "poison.txt"); run.log_text("hello"'
    )
    with ending(world.start(code)) as training:
        run_id = training.stdout.readline().strip()
        held = eventually(lambda: [run for run in tables.runs(run_id) if run.status == "FINISHED"], 90)[0]
    assert len(tables.rows(held.id)) == 300
    assert held.files["notes.txt"] == b"hello"
    assert ("a poisoned param" in held.params, "poison.txt" in held.files) == (poison != "param", poison != "artifact")
    assert {"lr": "0.1", "a": "1", "b": "3"}.items() <= held.params.items()
    (letters,) = world.folder.glob(".trackhub/runs/*/*/delivery/*.dead.jsonl")
    (letter,) = map(json.loads, letters.read_text().splitlines())
    assert letter["hook"] == {"param": "log_params", "artifact": "log_artifact"}[poison]


# ---- families, and going on --------------------------------------------------------------

FAMILY = """
import os, subprocess, sys, time
import trackhub
with trackhub.start_run(project="storm", name="parent") as parent:
    print(parent.id, flush=True)
    child = [sys.executable, "child.py", parent.id]
    print(subprocess.run(child, check=True, capture_output=True, text=True).stdout.strip())
"""
CHILD = """
import sys, trackhub
with trackhub.start_run(project="storm", name="child", parent=sys.argv[1]) as run:
    print(run.id, flush=True)
    for i in range(100):
        run.log({"x": i}, step=i)
"""


def test_a_family_across_processes_is_nested(world: TrainingWorld, tables: MlflowTables):
    """A child that another process runs lies under its parent's row."""
    (world.folder / "child.py").write_text(CHILD)
    with ending(world.start(FAMILY)) as training:
        out, err = training.communicate(timeout=120)
        assert (training.returncode, err) == (0, "")
        parent, child = (tables.runs(run_id)[0] for run_id in out.split())
    assert child.tags["mlflow.parentRunId"] == parent.id
    assert (parent.status, child.status, tables.count(child.id)) == ("FINISHED", "FINISHED", 100)


def test_a_killed_training_that_is_resumed_goes_on_in_its_run(stage: Stage):
    """FAILED becomes RUNNING, then FINISHED, in the same MLflow run, with both attempts' points and files."""
    tables, world = stage.tables, stage.world
    with ending(world.start(TRAIN, 10_000, 0.002)) as training:
        run_id = training.stdout.readline().strip()
        eventually(lambda: tables.runs(run_id) and tables.count(tables.runs(run_id)[0].id) > 100)
        world.kill(training.pid)
        (crashed,) = eventually(lambda: [run for run in tables.runs(run_id) if run.status == "FAILED"], 60)
        eventually(lambda: delivery_of(training.pid) is None)
    more = {"RUN_ID": run_id, "RESUME": "must", "FIRST": "20000"}
    with ending(world.start(TRAIN, 300, 0.01, **more)) as again:
        eventually(lambda: tables.runs(run_id)[0].status == "RUNNING", 60)
        assert again.wait(90) == 0, again.stderr.read()
    held = stage.check(run_id)
    assert (held.id, held.status, held.tags["trackhub.status"]) == (crashed.id, "FINISHED", "finished")
