"""Hold one worker a destination, and hand each the runs it is to deliver."""

from __future__ import annotations

import time

from trackhub.backend import Destination
from trackhub.delivery.report import DestinationReport
from trackhub.delivery.surroundings import Surroundings
from trackhub.delivery.worker import DestinationWorker, OpenBackend
from trackhub.journal.store import RunFolder


class Dispatch:
    """Deliver runs to destinations, each destination in its own thread."""

    def __init__(self, open_backend: OpenBackend, around: Surroundings | None = None) -> None:
        self._open_backend = open_backend
        self._around = around
        self._workers: dict[str, DestinationWorker] = {}

    def add(self, folder: RunFolder, destination: Destination) -> None:
        """Deliver a run to a destination from now on."""
        worker = self._workers.get(destination.url)
        if worker is None:
            worker = DestinationWorker(destination, self._open_backend, self._around)
            self._workers[destination.url] = worker
        worker.add(folder)

    def wake(self) -> None:
        """Look for something to deliver now."""
        for worker in self._workers.values():
            worker.wake()

    @property
    def empty(self) -> bool:
        """Return whether no destination was ever given."""
        return not self._workers

    @property
    def done(self) -> bool:
        """Return whether nothing more can be delivered without a person."""
        return all(worker.done for worker in self._workers.values())

    @property
    def settled(self) -> bool:
        """Return whether everything that is in the journals now is delivered or cannot be."""
        return all(worker.settled for worker in self._workers.values())

    def report(self, folder: RunFolder, destination: Destination) -> DestinationReport | None:
        """Return how far a run has come at a destination; None where nobody here delivers it there."""
        worker = self._workers.get(destination.url)
        return worker.report(folder) if worker is not None else None

    def reports(self) -> list[tuple[RunFolder, DestinationReport]]:
        """Return how far each run has come at each destination."""
        return [report for worker in self._workers.values() for report in worker.reports()]

    def elsewhere(self) -> list[tuple[RunFolder, str]]:
        """Return the runs that another process delivers, and which."""
        return [found for worker in self._workers.values() for found in worker.elsewhere()]

    def close(self, timeout_s: float) -> bool:
        """Stop all workers after the calls under way; return whether all ended in time."""
        deadline = time.monotonic() + timeout_s
        ended = [worker.close(max(0.0, deadline - time.monotonic())) for worker in self._workers.values()]
        return all(ended)
