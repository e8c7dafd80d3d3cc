"""Keep points exactly, as columns of bytes in a record, and read them again; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from trackhub.model.entities import MetricColumns, MetricPoint

# A point's kind: of its step in the low bits, of its value above them.
_STEP_INT, _STEP_FLOAT, _STEP_NONE, _STEP_LARGE = 0, 1, 2, 3
_FLOAT, _INT, _BOOL, _LARGE = 0, 4, 8, 12
_STEP, _VALUE = 3, 12
_EXACT = 2**53


class Columns(NamedTuple):
    """Hold points in the run's order; steps and values are 64 bits that their kind tells how to read.

    :ivar odd: the integers that 64 bits do not hold: ``s`` or ``v`` and the index, in decimal digits.
    """

    names: list[str]
    odd: dict[str, str]
    which: Any
    kinds: Any
    steps: Any
    values: Any
    times: Any

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Return which metric, kinds, steps, values and times."""
        return self[2:]

    def bodies(self) -> list[bytes]:
        """Return the arrays as bytes, little-endian."""
        return [array.tobytes() for array in self.arrays]

    def at(self, places: Any) -> tuple[Any, ...]:
        """Return what the arrays hold at some places."""
        return tuple(array[places] for array in self.arrays)


def columns_of(points: Sequence[MetricPoint]) -> Columns:
    """Return points as columns."""
    count = len(points)
    names: dict[str, int] = {}
    which = np.fromiter((names.setdefault(point.name, len(names)) for point in points), "<u4", count)
    kinds, steps, values, odd = np.zeros(count, "u1"), np.zeros(count, "<i8"), np.zeros(count, "<i8"), dict[str, str]()
    floats, fractions = values.view("<f8"), steps.view("<f8")
    for index, point in enumerate(points):
        step, value = point.step, point.value
        if isinstance(value, float):
            floats[index] = value
        elif isinstance(value, bool):
            kinds[index], values[index] = _BOOL, value
        elif _fits(value):
            kinds[index], values[index] = _INT, value
        else:
            kinds[index], odd[f"v{index}"] = _LARGE, str(value)
        if isinstance(step, float):
            kinds[index] |= _STEP_FLOAT
            fractions[index] = step
        elif step is None:
            kinds[index] |= _STEP_NONE
        elif _fits(step):
            steps[index] = step
        else:
            kinds[index] |= _STEP_LARGE
            odd[f"s{index}"] = str(step)
    times = np.fromiter((point.time for point in points), "<i8", count)
    return Columns(list(names), odd, which, kinds, steps, values, times)


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**63


def columns_from(header: dict[str, Any], bodies: Sequence[bytes]) -> Columns:
    """Return the columns of a record, as many points of it as count."""
    end = header["count"]
    types = ("<u4", "u1", "<i8", "<i8", "<i8")
    arrays = [np.frombuffer(body, kind)[:end] for body, kind in zip(bodies, types, strict=True)]
    odd = {key: text for key, text in header["odd"].items() if int(key[1:]) < end}
    return Columns(header["names"], odd, *arrays)


def joined(parts: Sequence[tuple[int, Columns]]) -> Columns:
    """Return parts as one, in the order of their places, each place once."""
    names: dict[str, int] = {}
    which, odd, places, count = [], {}, [], 0
    for start, part in parts:
        numbers = np.array([names.setdefault(name, len(names)) for name in part.names], "<u4")
        which.append(numbers[part.which])
        places.append(np.arange(start, start + len(part.which)))
        odd.update({f"{key[0]}{int(key[1:]) + count}": text for key, text in part.odd.items()})
        count += len(part.which)
    if not parts:
        empty = np.zeros(0, "<i8")
        return Columns([], {}, empty, np.zeros(0, "u1"), empty, empty, empty)
    place = np.concatenate(places)
    held = [np.concatenate(which), *(np.concatenate([part[at] for _, part in parts]) for at in range(3, 7))]
    if (np.diff(place) > 0).all():
        return Columns(list(names), odd, *held)
    _, order = np.unique(place, return_index=True)
    moved = {int(old): new for new, old in enumerate(order)} if odd else {}
    odd = {f"{key[0]}{moved[int(key[1:])]}": text for key, text in odd.items() if int(key[1:]) in moved}
    return Columns(list(names), odd, *(array[order] for array in held))


def points_of(columns: Columns) -> list[MetricPoint]:
    """Return the points, as they were given."""
    names = [columns.names[number] for number in columns.which.tolist()]
    rows = zip(names, _values(columns), _steps(columns), columns.times.tolist(), strict=True)
    return [MetricPoint(*row) for row in rows]


def series_of(columns: Columns) -> Iterator[MetricColumns]:
    """Yield each metric's points as arrays that hold them exactly."""
    order = np.argsort(columns.which, kind="stable")
    bounds = np.searchsorted(columns.which[order], np.arange(len(columns.names) + 1))
    for number, name in enumerate(columns.names):
        at = order[bounds[number] : bounds[number + 1]]
        if not len(at):
            continue
        odd = {f"{key[0]}{index}": columns.odd[key] for index, key in _odd_at(columns, at)}
        mine = Columns([name], odd, *columns.at(at))
        yield MetricColumns(name=name, step=_step_array(mine), value=_value_array(mine), time=mine.times)


def last_values(columns: Columns) -> dict[str, Any]:
    """Return each metric's newest value."""
    values = _values(columns)
    return {columns.names[number]: values[at] for at, number in enumerate(columns.which.tolist())}


def _odd_at(columns: Columns, at: Any) -> Iterator[tuple[int, str]]:
    if columns.odd:
        for index, old in enumerate(at.tolist()):
            for key in (f"s{old}", f"v{old}"):
                if key in columns.odd:
                    yield index, key


def _values(columns: Columns) -> list[Any]:
    kinds = columns.kinds & _VALUE
    values: list[Any] = columns.values.view("<f8").tolist()
    whole = columns.values.tolist() if kinds.any() else []
    for index in np.flatnonzero(kinds).tolist():
        if kinds[index] == _LARGE:
            values[index] = int(columns.odd[f"v{index}"])
        else:
            values[index] = bool(whole[index]) if kinds[index] == _BOOL else whole[index]
    return values


def _steps(columns: Columns) -> list[Any]:
    kinds = columns.kinds & _STEP
    steps: list[Any] = columns.steps.tolist()
    fractions = columns.steps.view("<f8").tolist() if kinds.any() else []
    for index in np.flatnonzero(kinds).tolist():
        if kinds[index] == _STEP_LARGE:
            steps[index] = int(columns.odd[f"s{index}"])
        else:
            steps[index] = None if kinds[index] == _STEP_NONE else fractions[index]
    return steps


def _value_array(columns: Columns) -> Any:
    kinds = set(np.unique(columns.kinds & _VALUE).tolist())
    if kinds == {_FLOAT}:
        return columns.values.view("<f8")
    if kinds == {_INT}:
        return columns.values
    if kinds == {_BOOL}:
        return columns.values.astype(bool)
    return _objects(_values(columns))


def _step_array(columns: Columns) -> Any:
    kinds = columns.kinds & _STEP
    if not kinds.any():
        return columns.steps
    steps = _steps(columns)
    # As floats, where each reads again as what it was: a whole float among them would become an int.
    if all(
        step is None or (abs(step) < _EXACT if isinstance(step, int) else math.isfinite(step) and not step.is_integer())
        for step in steps
    ):
        return np.array([math.nan if step is None else step for step in steps], "f8")
    return _objects(steps)


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array
