"""Find what a vendor has of a run from another journal, so that this one adds only the rest.

A run that was imported on two machines, or moved to another one and gone on with there, has two
journals. The place that the vendor keeps names the segments of every journal it was filled from,
so that each of them knows of the others, whichever comes next.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from trackhub.backend import BackendCalls
from trackhub.delivery.batch import Content
from trackhub.errors import Rejected
from trackhub.journal.journal import JournalReader, Position
from trackhub.journal.store import RunFolder
from trackhub.model.entities import MetricPoint, RunRef
from trackhub.model.events import MetricsLogged
from trackhub.model.identity import PointIdentity, identity_of


class Merging:
    """Leave out of every batch the points that the vendor has from elsewhere.

    :param cursor: up to where this journal was given to the vendor already.
    :param given: how many points the vendor was given, by its own word.
    :ivar points: how many points the vendor was given, by whomever; the next batch's ``start``.
    :raises Rejected: the vendor cannot be asked what it has.
    """

    def __init__(self, calls: BackendCalls, ref: RunRef, folder: RunFolder, given: int, cursor: Position) -> None:
        if not calls.can("read_metrics"):
            raise Rejected(
                f"{calls.destination.shown}: this run was delivered there from another store, and its plugin cannot "
                "read back what arrived; deliver it from that store, or to another project"
            )
        self._theirs: Counter[PointIdentity] = Counter(map(identity_of, calls.read_metrics(ref)))
        self.points = max(given, self._theirs.total())
        for placed in JournalReader(folder).events(until=cursor):
            if isinstance(placed.event, MetricsLogged):
                event = placed.event
                for name, value in event.metrics.items():
                    self._take(MetricPoint(name, value, event.step, event.time))

    def rest(self, content: Content) -> Content:
        """Return a batch without the points that are there."""
        return msgspec.structs.replace(
            content, points=tuple(point for point in content.points if not self._take(point))
        )

    def _take(self, point: MetricPoint) -> bool:
        """Return whether the vendor has such a point that no other one of ours stands for."""
        identity = identity_of(point)
        if self._theirs[identity] <= 0:
            return False
        self._theirs[identity] -= 1
        return True
