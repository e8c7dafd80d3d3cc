"""Compare what was given with what came back; a difference is an AssertionError that shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from trackhub.model.entities import MetricPoint

MS = 1_000_000
_SHOWN = 5
_LONGEST = 200


def expect(condition: object, otherwise: str) -> None:
    """Fail unless a condition holds."""
    if not condition:
        raise AssertionError(otherwise)


def same(what: str, held: object, given: object) -> None:
    """Fail unless what came back is what was given, types included; NaN is NaN."""
    if exact(held) != exact(given):
        raise AssertionError(f"{what}: {_short(given)} was given, {_short(held)} came back")


def same_mapping(what: str, held: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Fail unless every entry that was given came back; more may be there."""
    found = []
    for name, value in given.items():
        if name not in held:
            found.append(f"{what} {_short(name)} is missing")
        elif exact(held[name]) != exact(value):
            found.append(f"{what} {_short(name)}: {_short(value)} was given, {_short(held[name])} came back")
    _fail(found)


def same_time(what: str, held: int | None, given: int) -> None:
    """Fail unless two times are one to the millisecond."""
    if held is None or abs(held - given) >= MS:
        raise AssertionError(f"{what}: {given} ns was given, {held} came back")


def same_points(held: Iterable[MetricPoint], given: Iterable[MetricPoint], *, times: bool = False) -> None:
    """Fail unless the same points are there, each as often; order is not looked at.

    :param times: compare times too, to the millisecond.
    """
    here, wanted = _by_identity(held), _by_identity(given)
    found = []
    for mark in {**wanted, **here}:
        there, many = len(here[mark]), len(wanted[mark])
        if there != many:
            example = (wanted[mark] or here[mark])[0]
            found.append(f"{_short(example)}: given {many} times, came back {there} times")
        elif times:
            pairs = zip(sorted(one.time for one in here[mark]), sorted(one.time for one in wanted[mark]), strict=True)
            found += [
                f"{_short(wanted[mark][0])}: its time {time} came back as {told}"
                for told, time in pairs
                if abs(told - time) >= MS
            ]
    _fail(found)


def exact(value: object) -> object:
    """Return what two values have in common only if they are one, types included.

    >>> exact(1) == exact(1.0), exact(float("nan")) == exact(float("nan")), exact(0.0) == exact(-0.0)
    (False, True, True)
    """
    if isinstance(value, float):
        return ("float", repr(value + 0.0))
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, Mapping):
        return {name: exact(item) for name, item in value.items()}
    return (type(value).__name__, value)


def _by_identity(points: Iterable[MetricPoint]) -> defaultdict[object, list[MetricPoint]]:
    found: defaultdict[object, list[MetricPoint]] = defaultdict(list)
    for point in points:
        found[point.name, exact(point.value), exact(point.step)].append(point)
    return found


def _fail(found: list[str]) -> None:
    if found:
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise AssertionError("\n".join([*found[:_SHOWN], *more]))


def _short(value: object) -> str:
    # Python writes no decimal int of more than 4300 digits.
    text = hex(value) if isinstance(value, int) and value.bit_length() > 1000 else ascii(value)  # noqa: PLR2004
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
