"""Test what is left out of garbage collection while runs are delivered."""

from __future__ import annotations

import gc
import sys
from importlib.metadata import EntryPoint

import pytest

import trackhub
from trackhub import hookimpl, hub
from trackhub.backend import BackendSpec
from trackhub.delivery.garbage import sdk_left_out
from trackhub.model.entities import RunRef
from trackhub.plugins.installed import PluginSet


@pytest.fixture(autouse=True)
def _thawed():
    """Begin and end with nothing frozen."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_is_there_is_left_out_until_the_end():
    """Objects of before are not walked while runs are delivered, and are again afterwards."""
    with sdk_left_out() as leave_out:
        assert gc.get_freeze_count() == 0
        leave_out()
        first = gc.get_freeze_count()
        kept = [[] for _ in range(1000)]
        leave_out()  # another destination's SDK
        assert gc.get_freeze_count() >= first + len(kept) / 2
    assert gc.get_freeze_count() == 0


def test_the_end_comes_after_an_error():
    """A delivery that fails leaves the process as it was."""

    def deliver():
        with sdk_left_out() as leave_out:
            leave_out()
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        deliver()
    assert gc.get_freeze_count() == 0


def test_objects_that_somebody_else_froze_stay_frozen():
    """A process that has frozen objects itself, before it forks, say, keeps them so."""
    gc.freeze()
    frozen = gc.get_freeze_count()
    with sdk_left_out() as leave_out:
        leave_out()
    assert gc.get_freeze_count() <= frozen
    assert gc.get_freeze_count() > 0


def test_a_sync_leaves_out_the_sdk_and_nothing_stays(monkeypatch):
    """While a batch is given the SDK is left out; after the sync all is as before."""
    seen = []

    class Backend:
        def __init__(self, destination, options): ...

        @hookimpl
        def trackhub_start_run(self, run):
            seen.append(gc.get_freeze_count())
            return RunRef(id=run.id)

    module = type(sys)("fakeplugin_cold")
    module.trackhub_backends = hookimpl(lambda: [BackendSpec(scheme="cold", factory=Backend)])
    monkeypatch.setitem(sys.modules, module.__name__, module)
    plugins = PluginSet([EntryPoint(name="cold", value=module.__name__, group="trackhub")])
    monkeypatch.setattr(hub, "installed_plugins", lambda: plugins)
    with trackhub.start_run(project="p", capture=False) as run:
        run.log({"loss": 0.5}, step=1)
    assert trackhub.sync(run, "cold://x").complete
    assert seen[0] > 1000
    assert gc.get_freeze_count() == 0
