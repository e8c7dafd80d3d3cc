"""Decode the two messages that neptune-scale keeps, a new run and an update of one, to plain values.

The field numbers are those of ``neptune.ingest.v1``, which the client of the hosted service shipped last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from trackhub_neptune.history import wire
from trackhub_neptune.history.wire import MalformedError

Step = tuple[int, int]
"""A step as it is kept: a whole part, and millionths."""


class FileRef(NamedTuple):
    """Name a file by where Neptune was to keep it."""

    destination: str
    size: int
    mime: str


class Histogram(NamedTuple):
    """Hold one histogram."""

    type: str
    edges: list[float]
    values: list[float] | list[int]


class Moment(NamedTuple):
    """Hold a time in nanoseconds."""

    time: int


@dataclass(slots=True)
class NewRun:
    """Say how a run was created."""

    experiment: str | None = None
    created: int | None = None
    parent: str | None = None
    parent_project: str | None = None
    fork_step: Step | None = None
    inherits: bool = False
    run_id: str | None = None
    family: str | None = None


@dataclass(slots=True)
class Update:
    """Hold what was logged in one call.

    :ivar preview: how complete the values are that will be overwritten; ``None`` where they are for good.
    :ivar unknown: the numbers of fields that no known client writes.
    """

    step: Step | None = None
    time: int | None = None
    preview: float | None = None
    assigned: dict[str, Any] = field(default_factory=dict)
    added: dict[str, set[str]] = field(default_factory=dict)
    removed: dict[str, set[str]] = field(default_factory=dict)
    appended: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def new_run(data: bytes) -> NewRun:
    """Return a decoded ``Run``.

    :raises MalformedError: the bytes are none.
    """
    run = NewRun()
    for number, _, value in wire.fields(data):
        match number:
            case 1:
                run.run_id = wire.text(value)
            case 2:
                _fork(run, value)
            case 3:
                run.created = _time(value)
            case 4:
                run.family = wire.text(value)
            case 5:
                run.experiment = wire.text(value)
            case 9:
                run.inherits = bool(value)
    return run


def _fork(run: NewRun, value: int | bytes) -> None:
    for number, _, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                run.parent_project = wire.text(part)
            case 2:
                run.parent = wire.text(part)
            case 4:
                run.fork_step = _step(part)


def update(data: bytes) -> Update:
    """Return a decoded ``UpdateRunSnapshot``.

    :raises MalformedError: the bytes are none.
    """
    found = Update()
    for number, _, value in wire.fields(data):
        match number:
            case 8:  # by far the most
                _append(found, value)
            case 1:
                found.step = _step(value)
            case 2:
                found.time = _time(value)
            case 4:
                key, held = _entry(value)
                found.assigned[key] = _value(held, found)
            case 5:
                key, held = _entry(value)
                _modify(found, key, held)
            case 10:
                found.preview = _preview(value)
            case 9 | 11 | 12:
                pass  # what the server writes, about itself
            case _:
                found.unknown.append(f"UpdateRunSnapshot.{number}")
    return found


def _append(found: Update, value: int | bytes) -> None:
    key, held = _entry(value)
    # A metric's point is nine bytes: the tag of float64, and the double.
    found.appended[key] = wire.double(held[1:]) if len(held) == 9 and held[0] == 0x09 else _value(held, found)  # noqa: PLR2004


def _entry(value: int | bytes) -> tuple[str, bytes]:
    """Return one entry of a map."""
    key, held = "", b""
    for number, _, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                key = wire.text(part)
            case 2:
                held = wire.nested(part)
    return key, held


def _step(value: int | bytes) -> Step:
    whole = micro = 0
    for number, _, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                whole = wire.unsigned(part)
            case 2:
                micro = wire.unsigned(part)
    return whole, micro


def _time(value: int | bytes) -> int:
    seconds = nanos = 0
    for number, _, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                seconds = wire.signed(part)
            case 2:
                nanos = wire.signed(part)
    # The client made the nanoseconds from a float, whose last digits are noise; users give microseconds.
    return seconds * 1_000_000_000 + round(nanos, -3)


def _preview(value: int | bytes) -> float | None:
    is_preview, ratio = False, 0.0
    for number, _, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                is_preview = bool(part)
            case 2:
                ratio = wire.single(part)
    return ratio if is_preview else None


def _modify(found: Update, key: str, data: bytes) -> None:
    for number, _, value in wire.fields(data):
        if number != 1:
            found.unknown.append(f"ModifySet.{number}")
            continue
        for _, _, entry in wire.fields(wire.nested(value)):
            word, operation = "", 0
            for inner, _, part in wire.fields(wire.nested(entry)):
                match inner:
                    case 1:
                        word = wire.text(part)
                    case 2:
                        operation = wire.unsigned(part)
            if operation in (1, 2):
                (found.added if operation == 1 else found.removed).setdefault(key, set()).add(word)


def _value(data: bytes, found: Update) -> Any:
    """Return what a ``Value`` holds, or None where it holds nothing that is known."""
    result = None
    for number, _, part in wire.fields(data):
        decode = _VALUES.get(number)
        if decode is None:
            found.unknown.append(f"Value.{number}")
        else:
            result = decode(part)
    return result


def _strings(value: int | bytes) -> set[str]:
    return {wire.text(part) for number, _, part in wire.fields(wire.nested(value)) if number == 1}


def _file(value: int | bytes) -> FileRef:
    path, size, mime = "", 0, ""
    for number, _, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                path = wire.text(part)
            case 2:
                size = wire.signed(part)
            case 3:
                mime = wire.text(part)
    return FileRef(path, size, mime)


def _histogram(value: int | bytes) -> Histogram:
    edges: list[float] = []
    values: list[float] | list[int] = []
    kind = "COUNTING"
    for number, wired, part in wire.fields(wire.nested(value)):
        match number:
            case 1:
                edges += wire.doubles(wired, part)
            case 4:
                kind = "COUNTING"
                values = [one for _, _, packed in wire.fields(wire.nested(part)) for one in wire.integers(packed)]
            case 5:
                kind = "DENSITY"
                values = [one for _, how, packed in wire.fields(wire.nested(part)) for one in wire.doubles(how, packed)]
    return Histogram(kind, edges, values)


_VALUES: dict[int, Callable[[int | bytes], Any]] = {
    1: wire.double,
    3: wire.signed,
    5: bool,
    6: wire.text,
    8: lambda value: Moment(_time(value)),
    12: _strings,
    13: _file,
    14: _histogram,
}

__all__ = ["FileRef", "Histogram", "MalformedError", "Moment", "NewRun", "Step", "Update", "new_run", "update"]
