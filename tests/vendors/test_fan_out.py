"""One training, several vendors at once: each through its own client, each with its own fate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.faultproxy import RESET
from support.mlflow_server import MlflowServer, free_port, mlflow_server
from support.training import TrainingWorld, delivery_of, ending, eventually

comet_tools = pytest.importorskip("comet_server", reason="its tests bring a server of Comet's protocol")
wandb_tools = pytest.importorskip("wandb_server", reason="its tests bring a server of W&B's protocol")
pytest.importorskip("trackhub_comet")
pytest.importorskip("trackhub_wandb")
pytest.importorskip("trackhub_local")

pytestmark = [pytest.mark.timeout(300)]

TRAIN = """
import math, sys, time
import trackhub

began = time.monotonic()
run = trackhub.start_run(project="fan", name="out", params={"model": {"depth": 4}, "lr": 1e-3})
print(run.id, flush=True)
print(f"started {time.monotonic() - began:.3f}", flush=True)
for step in range(int(sys.argv[1])):
    run.log({"loss": 1 / (step + 1), "acc": step / 1000, "größe/λ": math.nan if step % 50 == 7 else step}, step=step)
    if step == 10:
        run.set_tags({"phase": "ten"})
        run.log_text("a note", "note.txt")
    if step == int(sys.argv[1]) // 2:
        print("half", flush=True)
        sys.stdin.readline()
    time.sleep(0.002)
run.finish(timeout_s=1)
"""


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", comet_tools.API_KEY)
    monkeypatch.setenv("WANDB_API_KEY", wandb_tools.API_KEY)


def trackhub(world: TrainingWorld, *arguments: str) -> tuple[int, object]:
    """Run a command in the training's folder and return its exit code and its JSON."""
    command = [sys.executable, "-m", "trackhub.cli", *arguments, "--json"]
    environment = world.environment(TRACKHUB_TO="")
    done = subprocess.run(
        command, cwd=world.folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def states(world: TrainingWorld) -> dict[str, dict]:
    """Return what ``trackhub status`` says of each destination."""
    _, found = trackhub(world, "status")
    return {one["destination"]: one for one in found}


def test_each_vendor_has_its_own_fate(mlflow, tmp_path):
    """One is well, one is dead from the start, one dies midway, one refuses the key.

    The training ends as it would have; ``status`` tells the truth about each; a sync completes what it can,
    then what has been mended, and every vendor has each point once.
    """
    dead_port = free_port()
    with ExitStack() as stack:
        refusing = stack.enter_context(wandb_tools.wandb_server())
        refusing.keys.clear()
        comet = stack.enter_context(comet_tools.comet_server())
        to = {
            "well": f"mlflow+{mlflow.url}",
            "dead": f"wandb+http://127.0.0.1:{dead_port}/team",
            "dying": f"{comet.destination}/team",
            "refusing": f"{refusing.destination}/team",
            "files": f"local:{tmp_path / 'files'}",
        }
        world = TrainingWorld(tmp_path / "world", ",".join(to.values()))
        with ending(_started(world, 600)) as training:
            run_id = training.stdout.readline().strip()
            assert float(training.stdout.readline().split()[1]) < 5  # no vendor was waited for
            assert training.stdout.readline().strip() == "half"
            eventually(lambda: states(world).get(to["dying"], {}).get("points", 0) > 0, 60)
            eventually(lambda: states(world).get(to["refusing"], {}).get("state") == "unauthorized", 60)
            comet.faults.rates({RESET: 1.0}, seed=1)
            training.stdin.write("\n")
            training.stdin.flush()
            assert training.wait(30) == 0
            eventually(lambda: states(world)[to["well"]]["state"] == "delivered", 60)
            eventually(lambda: states(world)[to["files"]]["state"] == "delivered", 60)
            told = states(world)
            delivery = delivery_of(training.pid)
            assert delivery is not None, "it goes on with those that are away"
            world.kill(delivery)
        assert told[to["dying"]]["state"] in {"retrying", "delivering"}
        assert told[to["dead"]]["state"] in {"retrying", "waiting"}
        assert "WANDB_API_KEY" in told[to["refusing"]]["error"]
        assert wandb_tools.API_KEY not in json.dumps(told)
        assert comet_tools.API_KEY not in json.dumps(told)

        comet.faults.rates({}, seed=1)
        stack.enter_context(wandb_tools.wandb_server(port=dead_port))
        code, report = trackhub(world, "sync", *(f"--to={url}" for url in to.values()))
        assert code == 1
        assert {one["destination"]: one["state"] for one in report["destinations"]} == {
            url: "unauthorized" if name == "refusing" else "delivered" for name, url in to.items()
        }
        refusing.keys.add(wandb_tools.API_KEY)
        code, report = trackhub(world, "sync", *(f"--to={url}" for url in to.values()))
        assert code == 0, report
        _same_everywhere(world, run_id, to)


def test_the_demo_goes_to_all_at_once(mlflow, tmp_path):
    """A real training, delivered to every vendor while it runs, read back from each, is equal on each."""
    with comet_tools.comet_server() as comet, wandb_tools.wandb_server() as wandb:
        urls = [
            f"mlflow+{mlflow.url}",
            f"{comet.destination}/team",
            f"{wandb.destination}/team",
            f"local:{tmp_path / 'files'}",
        ]
        world = TrainingWorld(tmp_path / "world", "")
        code, reports = trackhub(world, "demo", "--epochs", "2", *(f"--to={url}" for url in urls))
    assert code == 0, reports
    assert [report["destination"] for report in reports] == urls
    assert all(report["equal"] for report in reports), reports
    assert len({report["ours"]["points"] for report in reports}) == 1


def _started(world: TrainingWorld, rows: int) -> subprocess.Popen[str]:
    script = Path(world.folder, "train.py")
    script.write_text(TRAIN)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, str(script), str(rows)],
        cwd=world.folder,
        env=world.environment(),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def _same_everywhere(world: TrainingWorld, run_id: str, to: dict[str, str]) -> None:
    logged = len(world.journal(run_id).points)
    assert logged == 1800
    code, reports = trackhub(world, "verify", run_id, *(f"--to={url}" for url in to.values()))
    assert code == 0, reports
    assert [report["ours"]["points"] for report in reports] == [logged] * len(to)
