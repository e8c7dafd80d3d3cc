"""A plugin of hookspec 1.0, installed from a wheel of its own, with the core as it is now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from trackhub.testing.suite.offering import HOOKS

OLD = Path(__file__).with_name("old_plugin")
FROZEN = (
    *("start_run", "log_params", "log_metrics", "set_tags", "log_artifact", "log_environment", "finish_run"),
    *("flush", "close", "check_connection"),
    *("search_runs", "read_run", "read_metrics", "list_artifacts", "download_artifact"),
)
TRAIN = """
import sys, trackhub
with trackhub.start_run(project="p", name="n", to=sys.argv[1:], params={"depth": 4}, tags={"phase": "one"}) as run:
    for step in range(250):
        run.log({"loss": step / 3, "step": step}, step=step)
    run.log_text("hello", "note.txt")
print(run.id)
"""
READ = """
import sys, trackhub
[run] = trackhub.runs(sys.argv[1], project="p")
steps = run.history("step").value
print(run.name, run.status, run.params["depth"], run.tags["phase"], len(run.history("loss").value), steps[-1])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip installed the plugin's wheel."""
    place = tmp_path_factory.mktemp("old")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(place), str(OLD)], check=True)
    [wheel] = place.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(place / "site"), str(wheel)], check=True)
    assert "trackhub_oldtimer-1.0.0.dist-info/entry_points.txt" in zipfile.ZipFile(wheel).namelist()
    return place / "site"


@pytest.fixture
def run(site, tmp_path):
    """Return what runs Python where the old plugin is installed, and gives its output."""

    def run(*arguments, delivery="process"):
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "TRACKHUB_DELIVERY": delivery, "TRACKHUB_CAPTURE": "false"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_old_plugin_logs_and_reads(run, tmp_path):
    """A training delivers through it, and what it holds is read back, point by point."""
    url = f"oldtimer:{tmp_path}/held"
    run_id = run("-c", TRAIN, url).strip()
    assert run("-c", READ, url).split() == ["n", "finished", "4", "one", "250", "249"]
    assert (tmp_path / f"{run_id}.finished").read_text() == f"{url} finished"


def test_the_old_plugin_syncs_later(run, tmp_path):
    """What was logged offline is delivered by ``trackhub sync``, once, and verified."""
    url = f"oldtimer:{tmp_path}/held"
    run_id = run("-c", TRAIN, delivery="off").strip()
    for _ in range(2):
        run("-m", "trackhub.cli", "sync", run_id, "--to", url)
    [told] = json.loads(run("-m", "trackhub.cli", "verify", run_id, "--to", url, "--json"))
    assert told["equal"] is True
    kinds = [json.loads(line)[0] for line in (tmp_path / "held" / f"{run_id}.jsonl").read_text().splitlines()]
    assert kinds.count("point") == 500


def test_the_old_plugin_is_listed(run):
    """It is a plugin like any other, with the hookspec that it was written for."""
    entries = {entry["name"]: entry for entry in json.loads(run("-m", "trackhub.cli", "plugins", "--json"))}
    old = entries["oldtimer"]
    assert (old["distribution"], old["version"], old["hookspec"], old["error"]) == (
        "trackhub-oldtimer",
        "1.0.0",
        "1.0",
        None,
    )


def test_no_hook_of_1_0_is_gone():
    """What hookspec 1.0 had is there as long as the major version is 1."""
    assert set(FROZEN) <= set(HOOKS)
