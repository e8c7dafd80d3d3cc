"""Run one destination's lanes in a thread of their own, so that no vendor waits for another."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from trackhub.backend import BackendCalls, Destination
from trackhub.delivery.lane import RunLane
from trackhub.delivery.record import RecordFile, record_of
from trackhub.delivery.report import DestinationReport
from trackhub.delivery.surroundings import Surroundings
from trackhub.delivery.wording import worded
from trackhub.errors import TrackhubError
from trackhub.journal.store import RunFolder

log = logging.getLogger("trackhub")

RECOVERY_S = 5.0
OpenBackend = Callable[[Destination], BackendCalls]


class DestinationWorker:
    """Deliver any number of runs to one destination.

    :param open_backend: called in the worker's thread, where the vendor's SDK is imported.
    """

    def __init__(self, destination: Destination, open_backend: OpenBackend, around: Surroundings | None = None) -> None:
        self.destination = destination
        self._open_backend = open_backend
        self._around = around or Surroundings()
        self._lanes: dict[RunFolder, RunLane] = {}
        self._waiting: list[RunFolder] = []
        self._trouble: str | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread = self._new_thread()

    def add(self, folder: RunFolder) -> None:
        """Take on a run."""
        self._waiting.append(folder)
        with self._starting:
            if not self._thread.is_alive() and not self._stop.is_set():
                if self._thread.ident is not None:
                    self._thread = self._new_thread()  # a thread begins once
                self._thread.start()
        self._wake.set()

    def wake(self) -> None:
        """Look for something to deliver now."""
        self._wake.set()

    def close(self, timeout_s: float) -> bool:
        """Stop after the call under way; return whether it ended in time."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def done(self) -> bool:
        """Return whether no lane can do more by itself."""
        return not self._waiting and all(lane.done for lane in list(self._lanes.values()))

    @property
    def settled(self) -> bool:
        """Return whether every lane is done, has found nothing left, or is somebody else's."""
        lanes = list(self._lanes.values())
        return not self._waiting and all(lane.drained or lane.elsewhere is not None for lane in lanes)

    def report(self, folder: RunFolder) -> DestinationReport | None:
        """Return how far one run has come; None where no lane has it."""
        lane = self._lanes.get(folder)
        return lane.report() if lane is not None else None

    def reports(self) -> list[tuple[RunFolder, DestinationReport]]:
        """Return how far each run has come."""
        return [(folder, lane.report()) for folder, lane in list(self._lanes.items())]

    def elsewhere(self) -> list[tuple[RunFolder, str]]:
        """Return the runs that another process delivers, and which."""
        found = ((folder, lane.elsewhere) for folder, lane in list(self._lanes.items()))
        return [(folder, holder) for folder, holder in found if holder is not None]

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name=f"trackhub {self.destination.shown}", daemon=True)

    def _run(self) -> None:
        calls: BackendCalls | None = None
        try:
            while not self._stop.is_set():
                self._wake.clear()
                if self._waiting and calls is None:
                    calls = self._open()
                while self._waiting:
                    folder = self._waiting[0]
                    if calls is None:
                        self._refuse(folder)
                    elif folder not in self._lanes:
                        self._lanes[folder] = RunLane(folder, calls, self._around)
                    self._waiting.pop(0)
                self._wake.wait(min(self._step_all(), 60.0))
        finally:
            for lane in self._lanes.values():
                lane.close()
            if not self._stop.is_set():  # whoever adds a run next starts all of them again
                self._waiting += self._lanes
                self._lanes.clear()
            if calls is not None:
                with contextlib.suppress(Exception):  # what a vendor does at its end concerns nobody
                    calls.close()

    def _step_all(self) -> float:
        """Give every lane a step; return how long nothing will be worth it."""
        soonest = float("inf")
        for lane in list(self._lanes.values()):
            if self._stop.is_set():
                break
            try:
                soonest = min(soonest, lane.step())
            except BaseException:  # a lane's own fault must not stop the others of its destination
                log.exception("%s: run %s", self.destination.shown, lane.folder.id)
                soonest = min(soonest, RECOVERY_S)
        return soonest

    def _open(self) -> BackendCalls | None:
        try:
            return self._open_backend(self.destination)
        except TrackhubError as error:
            self._trouble = worded(error)
        except BaseException as error:  # an SDK may do anything while it is imported, even exit
            self._trouble = f"its backend cannot be opened: {worded(error, named=True)}"
            log.debug("%s", self._trouble, exc_info=True)
        return None

    def _refuse(self, folder: RunFolder) -> None:
        record = record_of(folder, self.destination)
        record.state, record.error = "stopped", self._trouble
        with contextlib.suppress(OSError):
            RecordFile(folder, self.destination.slug).write(record)
        self._around.failed(folder.id, record.destination, self._trouble or "")


def wait_until(condition: Callable[[], bool], timeout_s: float, interval_s: float = 0.02) -> bool:
    """Return whether a condition became true in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        pause.wait(min(interval_s, remaining))
    return True
