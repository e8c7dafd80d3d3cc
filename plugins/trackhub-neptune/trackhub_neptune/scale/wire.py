"""Turn changes into the messages of Neptune 3.x, and what its readers are told into attributes; pure functions."""

# mypy: disable-error-code="import-untyped, import-not-found, no-untyped-call, no-any-return, misc"
# The client tells mypy no types; what it returns is Any up to the values that leave this package.

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from neptune_api.proto.neptune_pb.ingest.v1.common_pb2 import SET_OPERATION, Step, UpdateRunSnapshot, Value

from trackhub_neptune.service import Changes, Held, Moment, Plain
from trackhub_neptune.steps import MILLION

_SMALL = 500_000  # bytes of one snapshot; an operation may have 2 MiB, and behind that the client never returns
_KINDS = {"floatSeries": "floats", "stringSeries": "texts", "fileRef": "file"}


def plain(changes: Changes) -> Iterator[UpdateRunSnapshot]:
    """Yield snapshots of single values, none too large."""
    snapshot = UpdateRunSnapshot()
    size = 0
    for path, value in changes.plain.items():
        snapshot.assign[path].CopyFrom(_value(value))
        size += len(path) + (4 * len(value) if isinstance(value, str) else 20)
        if size > _SMALL:
            yield snapshot
            snapshot, size = UpdateRunSnapshot(), 0
    for path, some in changes.sets.items():
        for text in some:
            snapshot.modify_sets[path].string.values[text] = SET_OPERATION.ADD
    if snapshot.assign or snapshot.modify_sets:
        yield snapshot


def points(changes: Changes) -> Iterator[UpdateRunSnapshot]:
    """Yield snapshots of rows: those of one step and time in one, and each series in its order."""
    by_place: dict[tuple[int, int], list[tuple[str, Value]]] = {}
    for path, rows in changes.floats.items():
        for row in rows:
            by_place.setdefault((row.step, row.ms), []).append((path, Value(float64=float(row.value))))
    for path, rows in changes.texts.items():
        for row in rows:
            by_place.setdefault((row.step, row.ms), []).append((path, Value(string=str(row.value))))
    for (step, ms), values in sorted(by_place.items(), key=lambda item: item[0]):
        whole, micro = divmod(step, MILLION)
        snapshot = UpdateRunSnapshot(step=Step(whole=whole, micro=micro), timestamp=timestamp(ms))
        for path, value in values:
            snapshot.append[path].CopyFrom(value)
        yield snapshot


def _value(value: Plain | Moment) -> Value:
    if isinstance(value, Moment):
        return Value(timestamp=timestamp(value.ms))
    if isinstance(value, bool):
        return Value(bool=value)
    if isinstance(value, int):
        return Value(int64=value)
    return Value(float64=value) if isinstance(value, float) else Value(string=value)


def timestamp(ms: int) -> Timestamp:
    """Return a time in milliseconds as a message."""
    found = Timestamp()
    found.FromMilliseconds(ms)
    return found


def held(one: Any) -> Held:
    """Return an attribute as a reader is told it."""
    kind = str(one.type)
    if kind == "floatSeries":
        return Held("floats", one.float_series_properties.last)
    if kind == "stringSeries":
        return Held("texts", one.string_series_properties.last)
    if kind in ("string", "int", "float", "bool"):
        return Held(kind, getattr(one, f"{kind}_properties").value)
    return Held(_KINDS.get(kind, kind), math.nan if kind == "float" else None)
