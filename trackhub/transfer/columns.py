"""Join a source's points into whole series, and find those that a journal does not hold; arrays in, arrays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from trackhub.backend import BackendCalls
from trackhub.journal.columns import Column
from trackhub.model.entities import MetricColumns, MetricPoint, RunRef
from trackhub.model.identity import NS_PER_MS

_Array = np.ndarray[Any, np.dtype[Any]]
_LARGEST = 1 << 63
_EXACT = 1 << 53
_Identity: TypeAlias = tuple[object, object, int]


def whole_series(calls: BackendCalls, ref: RunRef) -> list[MetricColumns]:
    """Return every series of a run at a source, by whichever read hook it has."""
    if calls.can("read_columns"):
        pieces: Iterable[MetricColumns] = calls.read_columns(ref)
    elif calls.can("read_metrics"):
        pieces = columns_of(calls.read_metrics(ref))
    else:
        pieces = ()
    found: dict[str, list[MetricColumns]] = {}
    for piece in pieces:
        found.setdefault(piece.name, []).append(piece)
    return [_joined(name, parts) for name, parts in found.items()]


def columns_of(points: Iterable[MetricPoint]) -> Iterator[MetricColumns]:
    """Yield points as columns, in types that hold each value and step exactly."""
    found: dict[str, list[MetricPoint]] = {}
    for point in points:
        found.setdefault(point.name, []).append(point)
    for name, series in found.items():
        yield MetricColumns(
            name=name,
            step=_steps([point.step for point in series]),
            value=_values([point.value for point in series]),
            time=np.array([point.time for point in series], np.int64),
        )


def lacking(told: MetricColumns, held: Column | None) -> MetricColumns:
    """Return the points that a journal lacks of a series, in their order.

    Usually it holds the first so many. Else every point counts as often as it is there. A time that
    one side has in whole milliseconds only, as most vendors keep it, is the other's finer one.
    """
    if held is None:
        return told
    count = len(held.time)
    if count <= len(told.time) and _begins(told, held):
        return _taken(told, np.arange(count, len(told.time)))
    left = Counter(_identities(held.step, held.value, held.time))
    rest = []
    for place, identity in enumerate(_identities(told.step, told.value, told.time)):
        if left[identity]:
            left[identity] -= 1
        else:
            rest.append((place, identity))
    return _taken(told, np.array(_without_coarser(rest, left), np.int64))


def lacking_series(told: Iterable[MetricColumns], held: Mapping[str, Column]) -> list[MetricColumns]:
    """Return what a journal lacks of a run's series; those of which it has all are left out."""
    found = (lacking(series, held.get(series.name)) for series in told)
    return [series for series in found if len(series.time)]


def _without_coarser(rest: list[tuple[int, _Identity]], left: Counter[_Identity]) -> list[int]:
    """Return the places of what is not held with a time that is finer or coarser, either."""
    coarse: Counter[_Identity] = Counter()
    fine: Counter[_Identity] = Counter()
    for (step, value, time), count in (+left).items():
        (fine if time % NS_PER_MS else coarse)[step, value, time // NS_PER_MS] += count
    places = []
    for place, (step, value, time) in rest:
        moment = step, value, time // NS_PER_MS
        if coarse[moment]:
            coarse[moment] -= 1
        elif fine[moment] and not time % NS_PER_MS:
            fine[moment] -= 1
        else:
            places.append(place)
    return places


def _begins(told: MetricColumns, held: Column) -> bool:
    count = len(held.time)
    return (
        _same_times(np.asarray(told.time)[:count], held.time)
        and _same(np.asarray(told.step)[:count], held.step)
        and _same(np.asarray(told.value)[:count], held.value)
    )


def _same_times(told: _Array, held: _Array) -> bool:
    differ = told != held
    one, other = told[differ], held[differ]
    rounded = (one % NS_PER_MS == 0) | (other % NS_PER_MS == 0)
    return bool((rounded & (one // NS_PER_MS == other // NS_PER_MS)).all())


def _same(told: _Array, held: _Array) -> bool:
    if told.dtype == held.dtype and told.dtype != object:
        return bool(np.array_equal(told, held, equal_nan=told.dtype.kind == "f"))
    return list(map(_identity, told.tolist())) == list(map(_identity, held.tolist()))


def _identities(step: Any, value: Any, time: Any) -> Iterator[_Identity]:
    steps, values = np.asarray(step).tolist(), np.asarray(value).tolist()
    return zip(map(_identity, steps), map(_identity, values), np.asarray(time).tolist(), strict=True)


def _identity(item: Any) -> object:
    """Return what equals for equal numbers: NaN equals itself and nothing else, True is not 1."""
    if item is None or item != item:  # noqa: PLR0124 - NaN; a missing step is one, too
        return "nan"
    return ("bool", item) if isinstance(item, bool) else item


def _joined(name: str, parts: list[MetricColumns]) -> MetricColumns:
    if len(parts) == 1:
        return parts[0]
    return MetricColumns(
        name=name,
        step=_concatenated([part.step for part in parts], [_each_step(part) for part in parts]),
        value=_concatenated([part.value for part in parts], [part.value.tolist() for part in parts]),
        time=np.concatenate([part.time for part in parts]),
    )


def _concatenated(arrays: list[Any], items: list[list[Any]]) -> _Array:
    if len({array.dtype for array in arrays}) == 1:
        return np.concatenate(arrays)
    return _objects([item for some in items for item in some])


def _each_step(part: MetricColumns) -> list[Any]:
    return [point.step for point in part.points()]


def _taken(series: MetricColumns, places: _Array) -> MetricColumns:
    step, value, time = (np.asarray(array)[places] for array in (series.step, series.value, series.time))
    return MetricColumns(name=series.name, step=step, value=value, time=time)


def _steps(steps: list[Any]) -> _Array:
    if all(type(step) is int and -_LARGEST <= step < _LARGEST for step in steps):
        return np.array(steps, np.int64)
    if all(step is None or (not step.is_integer() if type(step) is float else abs(step) <= _EXACT) for step in steps):
        return np.array([np.nan if step is None else step for step in steps], np.float64)
    return _objects(steps)


def _values(values: list[Any]) -> _Array:
    kinds = set(map(type, values))
    if kinds == {float}:
        return np.array(values, np.float64)
    if kinds == {bool}:
        return np.array(values, np.bool_)
    if kinds == {int} and all(-_LARGEST <= value < _LARGEST for value in values):
        return np.array(values, np.int64)
    return _objects(values)


def _objects(items: list[Any]) -> _Array:
    column = np.empty(len(items), object)
    column[:] = items
    return column
