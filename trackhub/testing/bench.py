"""Give a test of the suite what it works with: backends made afresh, runs, lanes, a reader and a clock."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from trackhub.backend import BackendCalls, Destination
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.delivery.record import record_of
from trackhub.delivery.report import DeliveryReport, DestinationReport
from trackhub.delivery.syncing import Syncing
from trackhub.journal.store import RunFolder
from trackhub.model.entities import RunInfo
from trackhub.model.ids import new_run_id
from trackhub.testing.clock import FakeClock
from trackhub.testing.comparing import expect
from trackhub.testing.faults import Fault, inject
from trackhub.testing.gates import not_supported
from trackhub.testing.given import BEGAN, GivenRun
from trackhub.testing.journals import WrittenRun
from trackhub.testing.reading import READ_HOOKS, Reader
from trackhub.testing.target import Target

PROJECT = f"trackhub-check-{new_run_id()[-12:]}"
"""Where this process's suites put their runs, so that people can find and remove them."""
_STEPS = 500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Say what is tested, and what only its author can give.

    :ivar read_back: an independent reader; see :class:`trackhub.testing.reading.Reader`.
    :ivar unreachable_url: where nobody answers.
    :ivar refused_url: where the credentials are refused.
    """

    target: Target
    read_back: object | None = None
    unreachable_url: str | None = None
    refused_url: str | None = None


class Bench:
    """Hold one test's backends; :meth:`close` closes them all."""

    def __init__(self, setup: Setup, folder: Path, unsupported: Callable[[str], NoReturn] = not_supported) -> None:
        self.setup = setup
        self.target = setup.target
        self.folder = folder
        self.clock = FakeClock()
        self.notes_are_right = True
        self.read = Reader(self.target.open, setup.read_back)
        self._unsupported = unsupported
        self._opened: list[BackendCalls] = []
        self._began_in = Path.cwd()

    @cached_property
    def calls(self) -> BackendCalls:
        """Return the backend that a test writes by."""
        return self.open()

    def open(self, url: str | None = None) -> BackendCalls:
        """Return a backend made afresh, as another process would make it."""
        calls = self.target.open(url)
        self._opened.append(calls)
        return calls

    def shut(self, calls: BackendCalls) -> None:
        """Close one backend now, for it is to be closed once."""
        self._opened.remove(calls)
        calls.close()

    def close(self) -> None:
        """Close every backend that is open, and go back to the folder where the test began."""
        for calls in self._opened:
            with contextlib.suppress(Exception):  # a test of closing says what it expects
                calls.close()
        os.chdir(self._began_in)  # or one test's fault would hide another's

    def require(self, what: Collection[str]) -> None:
        """Leave the test where the backend lacks what it needs."""
        missing = [hook for hook in what if not hook.endswith("_url") and not self._can(hook)]
        if missing:
            self._unsupported("no " + ", ".join(f"trackhub_{hook}" for hook in missing))
        if "unreachable_url" in what and self.unreachable_url is None:
            self._unsupported("no URL is known at which nobody answers")
        if "refused_url" in what and self.setup.refused_url is None:
            self._unsupported("no URL is known that refuses the credentials")

    def unsupported(self, reason: str) -> NoReturn:
        """Leave the test, saying why it cannot be made here."""
        self._unsupported(reason)

    @cached_property
    def unreachable_url(self) -> str | None:
        """Return a URL where nobody answers, given or made from one of a web server."""
        return self.setup.unreachable_url or self.target.closed_url()

    # ---- runs ----------------------------------------------------------------------------

    def info(self, **known: Any) -> RunInfo:
        """Return a new run of the suite's project."""
        usual = {"id": new_run_id(), "name": "a run of the suite", "project": PROJECT, "started": BEGAN}
        return RunInfo(**{**usual, **known})

    def begin(self, **known: Any) -> GivenRun:
        """Start a run by its hook."""
        return GivenRun(self, self.info(**known))

    def written(self, **known: Any) -> WrittenRun:
        """Begin a run's journal, as a training would."""
        return WrittenRun(self.folder / "store", project=PROJECT, **known)

    def given(self, written: WrittenRun) -> GivenRun:
        """Return a delivered run, to read it back."""
        run = GivenRun.__new__(GivenRun)
        run.bench, run.info = self, self.info(id=written.id)
        ref = record_of(written.folder, self.target.destination).ref
        if ref is None:
            raise AssertionError(f"run {written.id} was not started at the destination")
        run.ref = ref
        return run

    # ---- delivering ----------------------------------------------------------------------

    def lane(self, folder: RunFolder, *faults: Fault) -> RunLane:
        """Return a lane that brings a run to a backend made afresh."""
        around = Surroundings(clock=self.clock, random=lambda: 0.0)
        return RunLane(folder, inject(self.open(), *faults), around)

    def deliver(self, folder: RunFolder, *faults: Fault) -> DestinationReport:
        """Deliver what a journal holds now, as a process of its own would; waiting takes no time."""
        lane = self.lane(folder, *faults)
        try:
            for _ in range(_STEPS):
                wait = lane.step()
                if lane.drained:
                    break
                self.clock.advance(wait)
            return lane.report()
        finally:
            lane.close()

    def delivered(self, folder: RunFolder, *faults: Fault) -> DestinationReport:
        """Deliver what a journal holds now, and fail unless all of it was taken."""
        report = self.deliver(folder, *faults)
        trouble = f"the lane is {report.state}, {report.rejected} were rejected: {report.error}"
        expect(report.complete and not report.rejected, trouble)
        return report

    def sync(self, folders: Sequence[RunFolder], *faults: Fault) -> DeliveryReport:
        """Deliver runs by worker threads, as ``trackhub sync`` does."""

        def opened(destination: Destination) -> BackendCalls:
            return inject(self.target.open(destination.url), *faults)

        dispatch = Dispatch(opened)
        try:
            syncing = Syncing(dispatch, (self.target.destination,), end=lambda _: None)
            return syncing.run(folders, watch=False, timeout_s=30.0)
        finally:
            dispatch.close(10.0)

    def _can(self, hook: str) -> bool:
        return self.read.can(hook) if hook in READ_HOOKS else self.calls.can(hook)
