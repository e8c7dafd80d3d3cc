"""Append points to a run so that each is there once; the tail says what is, and rows that came tell of themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence

from trackhub.model.entities import Batch, MetricPoint, Note
from trackhub_comet.errors import took_nothing
from trackhub_comet.known import KnownRun, Paces
from trackhub_comet.points import BESIDE, Row, place_of, row_of, value_back
from trackhub_comet.restoring import restore
from trackhub_comet.tail import Tail
from trackhub_comet.wire import Wire

LONG = 10_000
"""From this place on, points are kept beside too: Comet keeps 15 000 values of a metric, and samples the rest away."""
REQUESTS = "trackhub.requests."
_REQUESTS_A_SERIES = 10_000
_FEW = 20
_PAUSE_S = 0.2


class Sending:
    """Append the points of runs.

    :param settle_s: how long Comet may take to show what it took.
    """

    def __init__(self, wire: Wire, paces: Paces, settle_s: float, shown: str) -> None:
        self._wire = wire
        self._paces = paces
        self._settle_s = settle_s
        self._shown = shown

    def send(self, known: KnownRun, points: Sequence[MetricPoint], batch: Batch) -> list[Note]:
        """Append the points of a batch that are not there yet, and move the tail behind them."""
        fresh = {place: point for place, point in enumerate(points, batch.start) if place >= known.tail.end}
        end = batch.start + len(points)
        notes: list[Note] = []
        if fresh:
            rows = {place: row_of(point, place) for place, point in fresh.items()}
            known.save_names({rows[place].name: point.name for place, point in fresh.items()}, notes)
            # What this process saw of the last request, it knows better than the mark on the batch.
            if known.doubtful or (batch.redelivered and not known.witnessed):
                arrived = self._arrived(known, rows)
                rows = {place: row for place, row in rows.items() if place not in arrived}
            self._keep_beside(known, {place: fresh[place] for place in rows}, rows)
            notes += _notes(fresh, rows)
            if rows:
                self._post(known, [*rows.values()], batch.start, end)
        if end > known.tail.end:
            known.put_tail(known.tail.done(end, batch.position))
        known.doubtful = known.tail.trying > known.tail.end
        return notes

    def _post(self, known: KnownRun, rows: list[Row], start: int, end: int) -> None:
        now = time.time_ns() // 1_000_000
        tail = known.tail.begun(end, now)
        if end > LONG:
            # Last, so that it tells of all before it; its step and value say which places these are.
            rows = [*rows, Row(_requests_of(tail), end, start, tail.requests * 10, now)]
        self._paces.metrics.take(len(rows), self._shown)
        known.put_tail(tail)
        known.doubtful = known.witnessed = True
        try:
            self._wire.put_metrics(known.key, rows)
        except Exception as error:
            known.doubtful = not (self._wire.is_whole and took_nothing(error))
            raise

    def _arrived(self, known: KnownRun, rows: dict[int, Row]) -> set[int]:
        """Return the places of the rows that are there; wait as long as some may yet come to be seen."""
        names = {row.name for row in rows.values()}
        # What lies behind all that was tried cannot be there, and is not waited for.
        sought = {place for place in rows if place < known.tail.trying} or set(rows)
        until = time.monotonic() + self._still_unsettled(known.tail)
        while True:
            whole = self._whole_requests(known.tail, known.key)
            arrived = {place for place in sought if any(start <= place < end for start, end in whole)}
            if sought - arrived:
                arrived |= self._places(known, names) & sought
            left = until - time.monotonic()
            if not sought - arrived or left <= 0:
                return arrived
            time.sleep(min(_PAUSE_S, left))

    def _still_unsettled(self, tail: Tail) -> float:
        """Return the seconds in which what was under way may yet come to be seen."""
        since = time.time() - tail.time / 1000
        return max(0.0, self._settle_s - max(since, 0.0))  # a clock that was set back counts for nothing

    def _whole_requests(self, tail: Tail, key: str) -> list[tuple[int, int]]:
        """Return the places of which requests are known to have come whole; of a long run alone."""
        if tail.trying <= LONG:
            return []
        told = self._wire.metrics(key, _requests_of(tail))
        return [(int(row["step"]), int(value_back(row["metricValue"]))) for row in told]

    def _places(self, known: KnownRun, names: set[str]) -> set[int]:
        """Return the places of these series' rows, as far as Comet shows them."""
        if len(names) > _FEW:
            told = self._wire.metrics(known.key)
        else:
            told = [row for name in names for row in self._wire.metrics(known.key, name)]
        return {found[0] for row in told if (found := place_of(row.get("epoch"))) is not None}

    def _keep_beside(self, known: KnownRun, points: dict[int, MetricPoint], rows: dict[int, Row]) -> None:
        if not points:
            return
        if max(points) >= LONG:
            self._backfill(known)
            known.beside.add(points.items())
            return
        inexact = [(place, point) for place, point in points.items() if rows[place].epoch % 10 == BESIDE]
        if inexact:
            known.beside.add(inexact)

    def _backfill(self, known: KnownRun) -> None:
        """Keep the first points beside, while Comet still has them all."""
        if known.backfilled or known.tail.end > LONG + 1000:
            return
        end, until = known.tail.end, time.monotonic() + self._settle_s
        while True:
            held = restore(self._wire.metrics(known.key), known.others, known.shelf.text, known.beside.points)
            placed = {place: point for place, point in sorted(held.placed.items()) if place < end}
            if len(placed) == end or time.monotonic() > until:  # a point that was refused left a gap
                break
            time.sleep(_PAUSE_S)
        known.beside.add(placed.items())
        known.backfilled = True


def _requests_of(tail: Tail) -> str:
    """Return the series in which a tail's request is told of; none grows so long that Comet samples it."""
    return f"{REQUESTS}{tail.requests // _REQUESTS_A_SERIES}"


def _notes(fresh: dict[int, MetricPoint], rows: dict[int, Row]) -> list[Note]:
    inexact = {fresh[place].name: None for place, row in rows.items() if row.epoch % 10 == BESIDE}
    return [
        Note(kind="beside", subject=name, detail="a number that no double holds, or a step that is no whole number")
        for name in inexact
    ]
