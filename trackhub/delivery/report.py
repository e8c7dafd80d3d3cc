"""Say how far each destination has come; built from delivery records, shown to people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["waiting", "delivering", "ending", "delivered", "retrying", "unauthorized", "stopped"]
"""How a lane stands with a run.

``ending``: all is there but the run's end. ``stopped`` and ``unauthorized`` need a person.
"""


class DestinationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Tell one destination's deliveries of one run, or of several summed up.

    :ivar destination: its name in the settings, or its URL without user-info.
    :ivar delivered: events that the vendor has; ``points`` counts the metric points in them.
    :ivar lag: bytes of the journal that are still to be delivered.
    :ivar rejected: events the vendor will never take; they lie in the dead-letter file.
    :ivar skipped: events for which the backend has no hook.
    :ivar notes: how often something had to be fitted into what the vendor holds, by kind.
    :ivar rate: points a second over the last deliveries.
    """

    destination: str
    state: State = "waiting"
    runs: int = 1
    delivered: int = 0
    points: int = 0
    lag: int = 0
    rejected: int = 0
    skipped: int = 0
    notes: dict[str, int] = {}
    rate: float = 0.0
    error: str | None = None
    link: str | None = None

    @property
    def complete(self) -> bool:
        """Return whether the destination has all that was logged; a run may still go on."""
        return self.state == "delivered" or (self.state == "delivering" and not self.lag)

    def __add__(self, other: DestinationReport) -> DestinationReport:
        """Sum up two runs' deliveries to one destination; the worse state stands."""
        worse = max(self, other, key=lambda report: _SEVERITY[report.state])
        return DestinationReport(
            destination=self.destination,
            state=worse.state,
            runs=self.runs + other.runs,
            delivered=self.delivered + other.delivered,
            points=self.points + other.points,
            lag=self.lag + other.lag,
            rejected=self.rejected + other.rejected,
            skipped=self.skipped + other.skipped,
            notes={kind: self.notes.get(kind, 0) + other.notes.get(kind, 0) for kind in {**self.notes, **other.notes}},
            rate=self.rate + other.rate,
            error=worse.error,
            link=self.link or other.link,
        )


_SEVERITY = {
    state: place
    for place, state in enumerate(
        ("delivered", "delivering", "ending", "waiting", "retrying", "unauthorized", "stopped")
    )
}


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how far every destination has come.

    >>> DeliveryReport(destinations=(DestinationReport(destination="prod", state="delivered"),)).complete
    True
    """

    destinations: tuple[DestinationReport, ...] = ()

    @property
    def complete(self) -> bool:
        """Return whether every destination has everything."""
        return all(report.complete for report in self.destinations)

    @property
    def rejected(self) -> int:
        """Return how many events were refused for good, over all destinations."""
        return sum(report.rejected for report in self.destinations)

    def __getitem__(self, destination: str) -> DestinationReport:
        """Return one destination's part, by its name or URL."""
        for report in self.destinations:
            if report.destination == destination:
                return report
        raise KeyError(destination)

    @classmethod
    def summed(cls, reports: Iterable[DestinationReport]) -> DeliveryReport:
        """Return a report with one entry a destination."""
        summed: dict[str, DestinationReport] = {}
        for report in reports:
            known = summed.get(report.destination)
            summed[report.destination] = report if known is None else known + report
        return cls(destinations=tuple(summed.values()))
