"""Open destinations as trackhub does; hold the process to what it was, and the SDK to what is taken from it."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading
from typing import Any

import comet_ml
import pytest
from comet_server import CometServer
from support.training import eventually
from trackhub_comet import backend, batches
from trackhub_comet.options import CometOptions
from trackhub_comet.plugin import open_backend, trackhub_backends

from trackhub.backend import Destination
from trackhub.errors import SettingsError
from trackhub.model.entities import RunInfo
from trackhub.model.ids import new_run_id

QUIET = """
import atexit, logging, os, signal, sys, threading
before = (sys.excepthook, signal.getsignal(signal.SIGTERM), os.getcwd(), threading.active_count())
sockets = []
sys.addaudithook(lambda event, _: sockets.append(event) if event.startswith("socket.connect") else None)
exits = atexit._ncallbacks()
from trackhub.backend import Destination
from trackhub_comet.options import CometOptions
from trackhub_comet.plugin import open_backend
open_backend(Destination.parse("comet+http://127.0.0.1:9/team"), CometOptions())
after = (sys.excepthook, signal.getsignal(signal.SIGTERM), os.getcwd(), threading.active_count())
assert before == after, (before, after)
assert sockets == [], sockets
finders = [type(finder).__module__ for finder in sys.meta_path]
assert not any(module.startswith("comet_ml") for module in finders), finders
assert logging.getLogger("comet_ml").handlers[0].__class__ is logging.NullHandler
assert "sentry_sdk" not in sys.modules or not sys.modules["sentry_sdk"].Hub.current.client
assert not logging.getLogger().handlers
print("quiet", sorted(path for path in os.listdir(".")))
"""


def test_opening_a_destination_leaves_the_process_alone(tmp_path: Any):
    """No hook of exceptions, imports or signals, no thread, no connection, no file, no word."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMET_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", QUIET],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "quiet []", "")


def test_the_documented_way_leaves_the_process_alone(comet: CometServer, open_at: Any):
    """Even a live experiment of the SDK's, which is how a key can be chosen there, leaves no thread behind."""
    before = (sys.excepthook, os.environ.get("COMET_URL_OVERRIDE"))
    threads = set(threading.enumerate())
    run = RunInfo(id=new_run_id(), name="n", project="p", started=10**18)
    ref = open_at(comet, route="public").trackhub_start_run(run)

    def left() -> set[str]:
        new = {thread.name for thread in threading.enumerate() if thread not in threads}
        return {name for name in new if not name.startswith("Thread-")}  # the server's own

    eventually(lambda: not left(), 10)
    assert (sys.excepthook, os.environ.get("COMET_URL_OVERRIDE")) == before
    held = comet.state.experiments[ref.id]
    assert (held.running, held.details, held.git, held.assets, held.output) == (True, {}, {}, [], [])


def test_two_servers_at_once(comet: CometServer, worst: CometServer, open_at: Any):
    """The SDK knows one server a process; two destinations of one delivery go where they should."""
    run = RunInfo(id=new_run_id(), name="n", project="p", started=10**18)
    for route in ("batch", "public"):
        for server in (comet, worst):
            open_at(server, place=f"team/{route}", route=route).trackhub_start_run(run)
    for server in (comet, worst):
        assert sorted(held.project for held in server.experiments(run.id)) == ["batch", "public"]


def test_the_installed_sdk_takes_batches():
    """Nothing of what the plugin takes from the SDK is missing in the versions it asks for."""
    assert batches.missing_parts() == []


def test_an_sdk_without_its_undocumented_parts(comet: CometServer, open_at: Any, monkeypatch: pytest.MonkeyPatch):
    """A later version may lack them: what is documented does, unless batches are asked for."""
    from comet_ml.connection.connection_api import RestServerConnection

    monkeypatch.delattr(RestServerConnection, "log_metrics_batch")
    assert batches.missing_parts() == ["comet_ml.connection.connection_api.RestServerConnection.log_metrics_batch"]
    run = RunInfo(id=new_run_id(), name="n", project="p", started=10**18)
    open_at(comet).trackhub_start_run(run)
    assert comet.experiment(run.id).running
    with pytest.raises(SettingsError, match=r"log_metrics_batch.*route=public"):
        backend.wire_of("batch", "comet://team")


def test_a_module_that_is_gone(monkeypatch: pytest.MonkeyPatch):
    """A part that moved with its module is missing, not an ImportError."""
    real = builtins.__import__

    def moved(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "comet_ml.batch_utils":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", moved)
    assert batches.missing_parts() == ["comet_ml.batch_utils"]


def test_the_spec_offers_what_the_readme_says():
    """The schemes, the options and their bounds."""
    (spec,) = trackhub_backends()
    assert (spec.scheme, spec.transports) == ("comet", (None, "http", "https"))
    assert spec.limits.points == 999
    for wrong in ({"route": "fast"}, {"timeout_s": 0}, {"timeout_s": 16}, {"values_per_minute": -1}, {"wat": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            CometOptions.model_validate(wrong)


def test_comet_alone_takes_the_sdks_own_server(comet: CometServer, monkeypatch: pytest.MonkeyPatch):
    """``comet://workspace`` goes where the SDK is set up to go: comet.com, unless somebody says otherwise."""
    monkeypatch.setenv("COMET_URL_OVERRIDE", f"{comet.url}/clientlib/")
    run = RunInfo(id=new_run_id(), name="n", project="p", started=10**18)
    opened = open_backend(Destination.parse("comet://team/fixed"), CometOptions())
    opened.trackhub_start_run(run)  # type: ignore[attr-defined]
    opened.trackhub_close()  # type: ignore[attr-defined]
    assert comet.experiment(run.id).project == "fixed"


def test_the_version_is_one_that_was_tried():
    """The range in pyproject.toml is what this suite ran with."""
    major, minor, *_ = comet_ml.__version__.split(".")
    assert (3, 49) <= (int(major), int(minor)) < (3, 59)
