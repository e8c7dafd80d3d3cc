"""Hold the lanes of one training to telling the truth about each server: well, dead, dying, or with a wrong key."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.mlflow_server import free_port
from support.oracle import differences
from support.training import TrainingWorld, delivery_of, ending, eventually
from wandb_server import API_KEY, WandbServer, wandb_server

from trackhub.model.entities import RunRef

TRAIN = """
import sys, time
import trackhub
run = trackhub.start_run(project="lanes", name="one of many", params={"lr": 0.1})
print(run.id, flush=True)
for i in range(400):
    run.log({"loss": 1 / (i + 1)}, step=i)
    time.sleep(0.01)
run.log_text("hello", "notes.txt")
began = time.monotonic()
run.finish(timeout_s=4)
print(time.monotonic() - began, flush=True)
sys.exit(5)
"""


def states(world: TrainingWorld) -> dict[str, dict[str, Any]]:
    """Return what ``trackhub status`` tells, by destination."""
    code = "from trackhub.cli import main; main()"
    command = [sys.executable, "-c", code, "status", "--json", "--store", str(world.store.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=world.folder, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return {one["destination"]: one for one in json.loads(done.stdout)}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_four_lanes_of_one_training(tmp_path: Path, open_at: Any):
    """The training notices nothing; each lane says what is the matter; and a later sync completes all of them."""
    with ExitStack() as stack:
        well, refusing, dying = (stack.enter_context(wandb_server()) for _ in range(3))
        refusing.keys.clear()
        dead = f"http://127.0.0.1:{free_port()}"
        places = {"well": well.url, "refusing": refusing.url, "dying": dying.url, "dead": dead}
        urls = {name: f"wandb+{url}/team?timeout_s=2&settle_s=2" for name, url in places.items()}
        world = TrainingWorld(tmp_path / "world", ",".join(urls.values()))
        with ending(world.start(TRAIN, TRACKHUB_LINGER_S="2")) as training:
            run_id = training.stdout.readline().strip()
            eventually(lambda: dying.runs(run_id) and len(dying.run(run_id).history) > 20)
            dying.faults.closing.set()  # from now on it hangs up on everybody
            out, err = training.communicate(timeout=90)
            assert (training.returncode, err) == (5, "")
            assert float(out) < 6
            eventually(lambda: delivery_of(training.pid) is None, 90)
        told = {name: states(world)[url] for name, url in urls.items()}
        assert told["well"]["state"] == "delivered"
        assert told["refusing"]["state"] == "unauthorized"
        assert "WANDB_API_KEY" in told["refusing"]["error"]
        for name in ("dying", "dead"):
            assert told[name]["state"] not in ("delivered", "unauthorized", "stopped"), told[name]
            assert told[name]["lag"] > 0
        assert told["dying"]["points"] < 400
        assert told["dead"]["error"]
        assert not any(API_KEY in json.dumps(one) for one in told.values())

        refusing.keys.add(API_KEY)
        dying.faults.closing.clear()
        risen = stack.enter_context(wandb_server(port=int(dead.rpartition(":")[2])))
        world.sync(tries=3)
        assert {one["state"] for one in states(world).values()} == {"delivered"}
        _check(world, run_id, {"well": well, "refusing": refusing, "dying": dying, "dead": risen}, open_at)


def _check(world: TrainingWorld, run_id: str, servers: dict[str, WandbServer], open_at: Any) -> None:
    journal = world.journal(run_id)
    everything = {"points": journal.points, "params": journal.params, "artifacts": journal.artifacts, "tags": []}
    for name, server in servers.items():
        held = server.run(run_id)
        assert (name, held.state, len(held.history), held.gaps) == (name, "finished", 400, 0)
        found = differences(open_at(server), RunRef(id=f"lanes/{run_id}"), run_id=run_id, project="lanes", **everything)
        assert found == [], name
