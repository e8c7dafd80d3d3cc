"""Give tests of transfers a vendor in a folder, runs that it holds, and an import from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testing.reference import ReferenceBackend

from trackhub import hub
from trackhub.backend import Destination, Options
from trackhub.delivery.lane import RunLane
from trackhub.journal.store import Store
from trackhub.plugins.lanehooks import LaneHooks
from trackhub.testing.journals import WrittenRun
from trackhub.transfer.importing import import_runs
from trackhub.transfer.report import ImportReport


def drain(lane: RunLane) -> None:
    for _ in range(1000):
        lane.step()
        if lane.drained:
            break
    assert lane.drained, lane.report()
    lane.close()


class Elsewhere:
    """Hold a vendor's runs, and import them."""

    def __init__(self, folder: Path, backend: type[ReferenceBackend] = ReferenceBackend) -> None:
        self.destination = Destination.parse(f"reference://vendor{folder / 'vendor'}")
        self.backend = backend(self.destination, Options())
        self.calls = LaneHooks(self.backend, self.destination, backend.limits, "the tests")
        self.origin = folder / "origin"

    def run(self, name: str = "there", project: str = "p", parent: str | None = None) -> WrittenRun:
        """Log a run of every kind of entry, in a store of its own."""
        written = WrittenRun(self.origin, project=project, name=name, parent=parent)
        written.set_params({"lr": 1e-3, "model.depth": 4, "layers": [1, 2], "big": 2**80, "none": None})
        written.set_tags({"owner": "anna", "phase é": "one"})
        for step in range(40):
            written.row({"loss": 1 / (step + 1), "acc": step / 40}, step)
            if step % 10 == 0:
                written.row({"val/loss": float("nan") if step else 0.5}, step)
        written.row({"odd": 2**70}, None)
        written.row({"odd": True}, 0.5)
        written.artifact("weights", {"a.bin": b"1", "sub/b.bin": b"22"}, "model")
        written.artifact("weights", {"a.bin": b"333"}, "model")
        return written

    def deliver(self, written: WrittenRun) -> None:
        drain(RunLane(written.folder, self.calls))

    def bring(self, store: Path, **how: Any) -> ImportReport:
        return import_runs(self.calls, Store(store), hub.new_import_header, **how)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


@pytest.fixture
def elsewhere_of(tmp_path: Path) -> Callable[[type[ReferenceBackend]], Elsewhere]:
    """Return what makes such a vendor with a backend of one's own."""
    return lambda backend: Elsewhere(tmp_path, backend)
