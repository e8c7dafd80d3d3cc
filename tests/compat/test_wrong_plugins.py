"""Plugins that are wrong, found by their real entry points: each says what to do, and harms nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SITE = Path(__file__).parents[1] / "support" / "site"
HEAD = """
from trackhub import hookimpl
from trackhub.backend import BackendSpec
from trackhub.model.entities import RunRef

class Backend:
    def __init__(self, destination, options): ...

    @hookimpl
    def trackhub_start_run(self, run):
        return RunRef(id=run.id)
"""
OFFER = """
@hookimpl
def trackhub_backends():
    yield BackendSpec(scheme={scheme!r}, factory=Backend, hookspec={hookspec})
"""


def plain(scheme, more="", hookspec=(1, 0), head=HEAD):
    return head + more + OFFER.format(scheme=scheme, hookspec=hookspec)


NOT_LOADED = {
    "brokenimport": ("import no_such_vendor_sdk\n", "No module named 'no_such_vendor_sdk'; reinstall or uninstall it"),
    "exits": ("import sys\nsys.exit('no licence')\n", "SystemExit: no licence; reinstall or uninstall it"),
    "syntax": ("def broken(:\n", "SyntaxError"),
    "hubtypo": (
        HEAD + "@hookimpl\ndef trackhub_backend():\n    return []\n",
        "there is no hook 'trackhub_backend'; did you mean 'trackhub_backends'?",
    ),
    "hubargument": (
        HEAD + "@hookimpl\ndef trackhub_backends(settings):\n    return []\n",
        "settings",
    ),
    "raises": (HEAD + "@hookimpl\ndef trackhub_backends():\n    raise OSError('no config')\n", "OSError: no config"),
    "newminor": (
        plain("newminor", hookspec=(1, 99)),
        "needs hookspec 1.99, this trackhub has 1.2: upgrade trackhub-core",
    ),
    "newmajor": (
        plain("newmajor", hookspec=(2, 0)),
        "needs hookspec 2.0, this trackhub has 1.2: upgrade trackhub-core",
    ),
    "oldmajor": (plain("oldmajor", hookspec=(0, 9)), "speaks hookspec 0.9, this trackhub 1.2: upgrade the plugin"),
}
"""Plugins that ``trackhub plugins`` shows as broken, each with what it says."""

_METHOD = "\n    @hookimpl\n    def {}: ...\n"
NOT_OPENED = {
    "typo": (_METHOD.format("trackhub_log_metric(self, ref, points)"), "did you mean 'trackhub_log_metrics'?"),
    "argument": (_METHOD.format("trackhub_log_params(self, ref, parameters)"), "parameters"),
    "default": (_METHOD.format("trackhub_set_tags(self, ref, tags=())"), "trackhub_set_tags gives 'tags' a default"),
    "keyword": (_METHOD.format("trackhub_set_tags(self, ref, *, tags)"), "has keyword-only arguments"),
    "factory": ("\n    def __new__(cls, *_):\n        raise KeyError('no home')\n", "cannot be opened: KeyError"),
}
"""Plugins whose backend is wrong, which shows when a lane opens it."""


def install(site: Path, name: str, code: str) -> None:
    site.mkdir(exist_ok=True)
    (site / f"wrong_{name}.py").write_text(code)
    info = site / f"wrong_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: wrong-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[trackhub]\n{name} = wrong_{name}\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which every wrong plugin is installed."""
    site = tmp_path_factory.mktemp("wrong") / "site"
    for name, (code, _) in NOT_LOADED.items():
        install(site, name, code)
    for name, (more, _) in NOT_OPENED.items():
        install(site, name, plain(name, more))
    return site


@pytest.fixture(scope="module")
def command(site, tmp_path_factory):
    """Return what runs Python beside all of them, and gives its output."""
    folder = tmp_path_factory.mktemp("work")

    def run(*arguments, code=0):
        path = os.pathsep.join(filter(None, [str(site), str(SITE), os.environ.get("PYTHONPATH")]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACKHUB_")}
        environment = {**kept, "PYTHONPATH": path, "TRACKHUB_CAPTURE": "false"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def entries(command):
    return {entry["name"]: entry for entry in json.loads(command("-m", "trackhub.cli", "plugins", "--json"))}


@pytest.mark.parametrize("name", NOT_LOADED)
def test_a_plugin_that_cannot_be_loaded_is_a_line_of_its_own(entries, name):
    """``trackhub plugins`` names the distribution and says what is wrong and what to do."""
    said = entries[name]["error"]
    assert said.startswith(f"wrong-{name} 1.0")
    assert NOT_LOADED[name][1] in said
    assert "\n" not in said


def test_the_good_ones_are_listed_as_ever(entries):
    """Beside all of them, a plugin that is right is right."""
    assert entries["filesink"]["error"] is None
    assert {name for name, entry in entries.items() if entry["error"]} == set(NOT_LOADED)


@pytest.fixture(scope="module")
def delivered(command, tmp_path_factory):
    """Return what the lanes say of a training that names every plugin, the good one last."""
    sink = tmp_path_factory.mktemp("sink")
    urls = [*(f"{name}:x" for name in (*NOT_LOADED, *NOT_OPENED)), f"filesink:{sink}"]
    train = """
import sys, trackhub
with trackhub.start_run(project="p", to=sys.argv[1:]) as run:
    for step in range(20):
        run.log({"loss": step / 3}, step=step)
"""
    command("-c", train, *urls)
    told = {entry["destination"]: entry for entry in json.loads(command("-m", "trackhub.cli", "status", "--json"))}
    return told, sink


@pytest.mark.parametrize("name", [*NOT_LOADED, *NOT_OPENED])
def test_a_wrong_plugin_stops_its_own_lane(delivered, name):
    """The training goes on; the lane of that destination says the same."""
    told, _ = delivered
    entry = told[f"{name}:x"]
    assert entry["state"] == "stopped"
    assert {**NOT_LOADED, **NOT_OPENED}[name][1] in entry["error"]


def test_a_wrong_plugin_harms_nobody_else(delivered):
    """The destination beside them got every point and the end."""
    _, sink = delivered
    [run] = sink.iterdir()
    assert len((run / "points.jsonl").read_text().splitlines()) == 20
    assert "finished" in (run / "ends.jsonl").read_text()
