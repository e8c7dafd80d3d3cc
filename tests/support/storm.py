"""Kill a training's deliveries again and again, whatever vendor it logs to; what arrived is for others to compare.

The script logs what is hard to keep; each vendor's stage works out what must become of it there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from support.faultproxy import Seen
from support.training import TrainingWorld, delivery_of, ending, eventually

_SCRIPT = """
import math, os, sys, time
from pathlib import Path
import trackhub

rows, pause, odd = int(sys.argv[1]), float(sys.argv[2]), [math.nan, math.inf, -math.inf, 0, True, 2**60 + 1, -0.25]
run = trackhub.start_run(
    project="storm", name="the storm", id=os.environ.get("RUN_ID"), resume=os.environ.get("RESUME", "never"),
    params={"model": {"depth": 4}, "lr": 0.001, "opt": "adam", "text": "0.1", "none": None, "größe/ß": ["ß", 1],
            MORE_PARAMS},
)
print(run.id, flush=True)
acknowledged = os.open("acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
first = int(os.environ.get("FIRST", "0"))
for i in range(first, first + rows):
    run.log({"loss": 1 / (i + 1), "epoch": i // 10}, step=i)
    os.write(acknowledged, b"%d\\n" % i)
    step = [i, i, None, i // 2, -i, i / 4, 99 - i][i % 7]
    run.log({"odd": odd[i % 7], "größe λ": float(i), "a//b": i / 7}, step=step)
    run.log({"lr#1": 0.5, "val/acc": 1.0, MORE_METRICS}, step=1)
    if i % 40 == 0:
        run.set_tags({"phase": f"at {i}", "owner#": "ada"})
    if i % 100 == 50:
        Path("model.bin").write_bytes(os.urandom(2000))
        run.log_artifact("model.bin")
        run.log_text(str(i), f"notes/{i}#.txt")
    time.sleep(pause)
run.finish()
"""


class Storm(NamedTuple):
    """Say how hard a campaign is."""

    seed: int
    kills: int
    rows: int


def script(params: str = "", metrics: str = "") -> str:
    """Return the training's script, with more entries of its mappings for what is hard for one vendor."""
    return _SCRIPT.replace("MORE_PARAMS", params).replace("MORE_METRICS", metrics)


TRAIN = script()


def rage(
    world: TrainingWorld,
    plan: Storm,
    busy: Callable[[], int],
    *,
    train: str = TRAIN,
    between: tuple[int, int] = (1, 15),
) -> str:
    """Kill the delivery process of a training, then sync after sync, each in the middle of its work; return the run.

    :param busy: returns a number that grows as a deliverer works.
    :param between: by how much it grows between two kills, at least and at most.
    """
    draw = random.Random(plan.seed)
    with ending(world.start(train, plan.rows, 0.004, TRACKHUB_FINISH_TIMEOUT_S="1")) as training:
        run_id = str(training.stdout.readline().strip())
        while world.killed < plan.kills:
            delivery = delivery_of(training.pid)
            sync = None if delivery is not None else world.start_sync()
            wanted, ended = busy() + draw.randint(*between), False
            while busy() < wanted and not ended:
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


def acknowledged(world: TrainingWorld, run_id: str) -> int:
    """Return how many rows the script was told are safe; the journal must have all of them, and at most one more."""
    rows = [int(line) for line in (world.folder / "acknowledged").read_text().split()]
    logged = {(point.step, point.value) for point in world.journal(run_id).points if point.name == "loss"}
    assert {(number, 1 / (number + 1)) for number in rows} <= logged
    assert len(logged) <= len(rows) + 1
    return len(rows)


def done(world: TrainingWorld, run_id: str, seen: Sequence[Seen]) -> dict[str, int]:
    """Return what was done to a run, to be added up.

    :param seen: the requests that a vendor saw.
    """
    told = world.journal(run_id)
    return {
        "runs": 1,
        "kills": world.killed,
        "requests": len(seen),
        "faults": sum(one.fault != "pass" for one in seen),
        "points": len(told.points),
        "files": len(told.artifacts),
    }
