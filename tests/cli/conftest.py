"""Run commands in this process and as real processes, on a store with a few runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.sink import SITE
from typer.testing import CliRunner, Result

import trackhub
from trackhub.cli.app import app

Invoke = Callable[..., Result]
Execute = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def invoke() -> Invoke:
    """Return what runs a command in this process, as in a pipe."""
    runner = CliRunner()
    return lambda *arguments, **options: runner.invoke(app, list(arguments), **options)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the ``filesink`` plugin is installed and delivery is on."""
    plain = {name: value for name, value in os.environ.items() if name != "TRACKHUB_DELIVERY"}
    path = os.pathsep.join([str(SITE), plain.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**plain, "PYTHONPATH": path, "TRACKHUB_CAPTURE": "false", **more}


@pytest.fixture
def execute() -> Execute:
    """Return what runs a command as a process of its own, in a pipe."""

    def run(*arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "trackhub.cli", *arguments]
        options = {"capture_output": True, "text": True, "timeout": 50, **options}
        return subprocess.run(command, check=False, env=_environment(env or {}), **options)

    return run


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Return what starts a command as a process of its own, in a pipe."""

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "trackhub.cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=_environment({}), stdout=pipe, stderr=pipe, text=True)

    return begin


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    """Return the folder in which the ``filesink`` plugin receives."""
    folder = tmp_path / "sink"
    folder.mkdir()
    return folder


@pytest.fixture
def forest(tmp_path: Path) -> trackhub.Run:
    """Log a finished run named forest-1."""
    note = tmp_path / "note.txt"
    note.write_text("a note")
    with trackhub.start_run(
        project="digits",
        name="forest-1",
        params={"model": {"depth": 4}, "seed": 2**80},
        tags={"my owner": "anna\x1b[31m"},
        capture=False,
    ) as run:
        for step in range(5):
            run.log({"acc": step / 5, "bad": float("nan")}, step=step)
        run.log_artifact(note, name="note", type="text")
    return run


@pytest.fixture
def failed(forest: trackhub.Run) -> trackhub.Run:
    """Log, after the forest, a run named tree-1 that fails."""
    del forest
    with pytest.raises(ValueError, match="no luck"):  # noqa: SIM117, PT012 - the run is in the with
        with trackhub.start_run(project="digits", name="tree-1", params={"model": {"depth": 2}}, capture=False) as run:
            run.log({"acc": 0.1}, step=0)
            raise ValueError("no luck")
    return run
