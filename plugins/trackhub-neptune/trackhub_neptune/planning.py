"""Plan how points are sent: rows, entries beside, and what must be said of their series first; nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, field

from trackhub.model.entities import MetricPoint, Note
from trackhub_neptune.known import KINDS, METRICS, Known
from trackhub_neptune.names import key_of
from trackhub_neptune.points import USUAL, Entry, Mark, entry_of, kind_of, row_of, says
from trackhub_neptune.service import Changes, Row

MOST_SERIES = 200  # of one request: where each of them stood must fit into one text


@dataclass(slots=True)
class Plan:
    """Hold what points become.

    :ivar first: what is kept before them.
    :ivar rows: their rows by path.
    :ivar entries: what is kept beside, by place in the run.
    :ivar before: where each series stood, by path.
    :ivar marks: where each series stands behind them.
    """

    first: Changes = field(default_factory=Changes)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    entries: list[tuple[int, Entry]] = field(default_factory=list)
    before: dict[str, Mark | None] = field(default_factory=dict)
    marks: dict[str, Mark | None] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def keys(self) -> dict[str, Mark | None]:
        """Return where each series stood, by key."""
        return {key_of(path): mark for path, mark in self.before.items()}


def pieces(points: tuple[MetricPoint, ...]) -> list[tuple[int, int]]:
    """Return the points' parts, as pairs of places, none with more series than one text can tell of."""
    found: list[tuple[int, int]] = []
    first, names = 0, set[str]()
    for place, point in enumerate(points):
        if point.name not in names and len(names) == MOST_SERIES:
            found.append((first, place))
            first, names = place, set()
        names.add(point.name)
    return [*found, (first, len(points))] if points else []


def plan(points: tuple[MetricPoint, ...], start: int, known: Known) -> Plan:
    """Return how points are sent.

    :param start: the place of the first one in its run.
    :param known: it asks the server where the series stand, if that is not known.
    """
    made = Plan()
    paths = {name: known.path(METRICS, name, made.first) for name in dict.fromkeys(point.name for point in points)}
    known.learn_marks(list(paths.values()))
    made.before = {path: known.marks[path] for path in paths.values()}
    kinds = {path: known.kind(path) for path in paths.values() if path in known.held or known.marks[path]}
    said: dict[tuple[str, str, str], None] = {
        ("escaped", name, f"Neptune knows it as {short(path)!r}"): None
        for name, path in paths.items()
        if path != f"{METRICS}/{name}"
    }
    marks = dict(made.before)
    rows: dict[str, list[Row]] = {path: [] for path in paths.values()}
    for place, point in enumerate(points, start):
        path = paths[point.name]
        before = marks[path]
        row = row_of(point, before)
        kind = kinds.get(path)
        if kind is None:
            kind = kinds[path] = _kind(known, path, point, row, made.first)
        if row is not None:
            rows[path].append(row)
            marks[path] = Mark(row.step, row.ms)
        if row is None or not says(row, kind, point):
            made.entries.append((place, entry_of(key_of(path), point, row, before)))
            said["beside", point.name, _why(point, row)] = None
        if point.step is None:
            said["placed", point.name, "no step: the next whole one stands for it"] = None
    made.rows = {path: some for path, some in rows.items() if some}
    made.marks = marks
    made.notes = [Note(kind=kind, subject=subject, detail=detail) for kind, subject, detail in said]
    return made


def short(text: str) -> str:
    """Return a text that fits a message."""
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004  about a line


def _kind(known: Known, path: str, point: MetricPoint, row: Row | None, first: Changes) -> str:
    """Return the kind of a series whose first point this is; an unusual one is kept, and one without a row."""
    held = known.kind(path)
    if held is not None:
        return held
    kind = kind_of(point)
    if kind != USUAL or row is None:
        first.plain[f"{KINDS}/{path.removeprefix(METRICS + '/')}"] = kind
    return kind


def _why(point: MetricPoint, row: Row | None) -> str:
    if row is None:
        return "Neptune has no such number: the point is kept beside, and missing in charts"
    if row.ms != point.time // 1_000_000:
        return "a time before the one before it stands as that one, the exact one is kept beside"
    if point.value != row.value:
        return "an integer that no double holds stands as the nearest, the exact one is kept beside"
    return "a step that does not increase, or a number unlike the series' first: the exact one is kept beside"
