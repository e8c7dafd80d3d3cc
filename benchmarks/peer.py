"""Log to one peer's own offline files and time it; run by the peers' interpreter, knows nothing of trackhub."""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Log = Callable[[dict[str, float], int], Any]
MODULES = {"wandb": "wandb", "comet": "comet_ml", "trackio": "trackio", "tensorboardX": "tensorboardX"}


def wandb(folder: Path) -> tuple[Log, Callable[[], Any]]:
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(folder)}
    run = importlib.import_module("wandb").init(project="bench", dir=str(folder))
    return (lambda row, step: run.log(row, step=step)), run.finish


def comet(folder: Path) -> tuple[Log, Callable[[], Any]]:
    os.environ["COMET_LOGGING_CONSOLE"] = "ERROR"
    offline = importlib.import_module("comet_ml").OfflineExperiment
    experiment = offline(project_name="bench", offline_directory=str(folder), display_summary_level=0)
    return (lambda row, step: experiment.log_metrics(row, step=step)), experiment.end


def trackio(folder: Path) -> tuple[Log, Callable[[], Any]]:
    os.environ["TRACKIO_DIR"] = str(folder)
    module = importlib.import_module("trackio")
    module.init(project="bench", embed=False)
    return (lambda row, step: module.log(row, step=step)), module.finish


def tensorboardX(folder: Path) -> tuple[Log, Callable[[], Any]]:  # noqa: N802 - its own name
    writer = importlib.import_module("tensorboardX").SummaryWriter(str(folder))

    def log(row: dict[str, float], step: int) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


def mlflow(folder: Path) -> tuple[Log, Callable[[], Any]]:
    module = importlib.import_module("mlflow")
    module.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    module.start_run()
    return (lambda row, step: module.log_metrics(row, step=step)), module.end_run


def log(name: str, folder: str, calls: str) -> dict[str, Any]:
    """Log rows of 5 scalars and return how long each took."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    os.chdir(place)
    began = time.perf_counter()
    call, finish = globals()[name](place)
    call({f"metric_{at}": random.random() for at in range(5)}, 0)
    started = time.perf_counter() - began
    before = _size(place)
    samples = []
    for step in range(1, int(calls) + 1):
        row = {f"metric_{at}": random.random() for at in range(5)}
        clock = time.perf_counter_ns()
        call(row, step)
        samples.append((time.perf_counter_ns() - clock) / 1000)
    finish()
    samples.sort()
    return {
        "p50": samples[len(samples) // 2],
        "p99": samples[len(samples) * 99 // 100],
        "most": samples[-1],
        "start_s": started,
        "bytes_per_point": (_size(place) - before) / (5 * int(calls)),
        "version": f"{MODULES.get(name, name)} {version(MODULES.get(name, name))}",
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    answer = globals()[sys.argv[2]](sys.argv[1], *sys.argv[3:])
    sys.stdout.flush()
    print(json.dumps(answer), flush=True)
