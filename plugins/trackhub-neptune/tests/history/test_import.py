"""From what Neptune left to a store, through the plugin and the core: once, twice, killed, and with more later."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from history.test_export import PROJECT, three, two
from neptune_left.exporter import Export, row

import trackhub

CLI = [sys.executable, "-m", "trackhub.cli"]


def held(store: Path) -> dict[str, Any]:
    """Return all that a store holds of its runs."""
    found = {}
    for run in trackhub.runs(store):
        series = {name: run.history(name) for name in run.metrics}
        found[run.id] = (
            run.name,
            run.project,
            run.status,
            run.parent,
            run.started,
            run.ended,
            run.params,
            run.tags,
            {name: (repr(s.step.tolist()), s.time.tolist(), repr(s.value.tolist())) for name, s in series.items()},
            sorted((file.path, file.sha256) for file in run.artifacts),
        )
    return found


def import_(source: Path, store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "import", f"neptune:{source}", "--store", str(store), "--json", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_import_brings_everything(tmp_path: Path, v1: Path, scale: Path) -> None:
    """Folders, databases and exports arrive in one store, with the original ids, and again nothing is added."""
    shutil.copytree(v1, tmp_path / "left" / "v1")
    shutil.copytree(scale, tmp_path / "left" / "scale")
    store = tmp_path / "store"
    done = import_(tmp_path / "left", store, "--project", "team/digits")
    assert done.returncode == 0, done.stderr
    before = held(store)
    assert sorted(len(run[8]) for run in before.values()) == [1, 2, 3]
    ids = {run[7]["trackhub.imported_id"]: run_id for run_id, run in before.items()}
    assert before[ids["run-2"]][3] == ids["run-1"]
    again = json.loads(import_(tmp_path / "left", store, "--project", "team/digits").stdout)
    assert held(store) == before
    assert all(not run["added"] for run in again["runs"])


def test_what_comes_later_is_added(tmp_path: Path) -> None:
    """More files of the same runs, and more runs: the store is as if all had been there at once."""
    three(tmp_path / "left")
    import_(tmp_path / "left", tmp_path / "grown")
    export = Export(tmp_path / "left")
    export.run(PROJECT, "run-1", [row("loss", "float_series", 5.0, 9, 1_700_000_099_000)], number=1)
    two(tmp_path / "left" / "more")
    import_(tmp_path / "left", tmp_path / "grown")
    import_(tmp_path / "left", tmp_path / "at-once")
    assert held(tmp_path / "grown") == held(tmp_path / "at-once")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_an_import_that_was_killed_is_gone_on_with(tmp_path: Path, seed: int) -> None:
    """Killed at any moment and begun again, the store is as if nothing had happened."""
    rows = [row("loss", "float_series", step / 7, step, 1_700_000_000_000 + step) for step in range(20_000)]
    for number in range(3):
        Export(tmp_path / "left").run("t/p", f"run-{number}", [row("lr", "float", 0.1)], rows)
    two(tmp_path / "left" / "more")
    import_(tmp_path / "left", tmp_path / "whole")
    store = tmp_path / "killed"
    command = [*CLI, "import", f"neptune:{tmp_path / 'left'}", "--store", str(store)]
    chance = random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.3, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert import_(tmp_path / "left", store).returncode == 0
    assert held(store) == held(tmp_path / "whole")


def test_decimal_steps_arrive_exactly(tmp_path: Path) -> None:
    """A step of half an epoch is that in the store, and whole ones stay whole."""
    rows = [row("loss", "float_series", 1.0, step, 1_700_000_000_000) for step in ("0.5", "1", "1.000001")]
    Export(tmp_path / "left").run("t/p", "A", rows)
    report = trackhub.import_runs(f"neptune:{tmp_path / 'left'}", store=tmp_path / "store")
    assert report.complete
    [run] = trackhub.runs(tmp_path / "store")
    np.testing.assert_array_equal(run.history("loss").step.astype(float), [0.5, 1.0, 1.000001])


def test_without_a_project_the_command_asks(tmp_path: Path, v1: Path) -> None:
    """The exit code is not 0, the message says what to add, and nothing was brought."""
    done = import_(v1, tmp_path / "store")
    assert done.returncode != 0
    assert "--project" in done.stderr
    assert not list((tmp_path / "store").glob("runs/*/*"))
