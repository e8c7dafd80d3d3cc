"""Follow a run's deliveries from the training process: reads delivery records, asks no vendor."""

from __future__ import annotations

from collections.abc import Callable

from trackhub.backend import Destination
from trackhub.delivery.record import DeliveryRecord, reached, record_of
from trackhub.delivery.report import DeliveryReport, DestinationReport
from trackhub.delivery.worker import wait_until
from trackhub.journal.store import RunFolder

TROUBLE_GRACE_S = 3.0
"""How long an end waits for a destination that is in trouble, within its own limit."""


class Following:
    """Tell how far a run's destinations are, and wait for them within bounds.

    :param wake: makes the deliverer look at once; returns whether there is one.
    """

    def __init__(self, folder: RunFolder, destinations: tuple[Destination, ...], wake: Callable[[], bool]) -> None:
        self._folder = folder
        self._destinations = destinations
        self._wake = wake

    def report(self) -> DeliveryReport:
        """Return how far each destination is now."""
        return DeliveryReport(destinations=tuple(self._report(destination) for destination in self._destinations))

    def links(self) -> dict[str, str]:
        """Return each destination's page of this run, where there is one yet."""
        reports = self.report().destinations
        return {report.destination: report.link for report in reports if report.link is not None}

    def wait(self, timeout_s: float, *, ended: bool) -> DeliveryReport:
        """Return once every destination has what is in the journal now, or cannot, or time is up.

        :param ended: wait until the vendors know of the run's end, too.
        """
        goal = {path.stem: path.stat().st_size for path in self._folder.segments()}
        pending = list(self._destinations)

        def settled(*, patient: bool) -> bool:
            pending[:] = [
                one for one in pending if not _reached(record_of(self._folder, one), goal, ended=ended, patient=patient)
            ]
            return not pending

        if pending and self._wake():
            grace = min(timeout_s, TROUBLE_GRACE_S)
            if not wait_until(lambda: settled(patient=True), grace):
                wait_until(lambda: settled(patient=False) or not self._wake(), timeout_s - grace, 0.05)
        return self.report()

    def _report(self, destination: Destination) -> DestinationReport:
        return record_of(self._folder, destination).report(self._folder)


def _reached(record: DeliveryRecord, goal: dict[str, int], *, ended: bool, patient: bool) -> bool:
    """Return whether waiting longer for a destination is of no use."""
    if record.state == "retrying" and not patient:
        return True
    return reached(record, goal) and (not ended or record.state not in {"delivering", "ending"})
