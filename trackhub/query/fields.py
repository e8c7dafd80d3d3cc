"""Name what filters and orders can ask of a run summary: metrics, params, tags and attributes."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from trackhub.query.summary import RunSummary
from trackhub.query.tokens import unquoted

GROUPS: Final = ("metrics", "params", "tags")
MISSING: Final[Any] = object()
"""Stands for a value that a run does not have; it is not None, which a param can be."""


@dataclass(frozen=True, slots=True)
class Field:
    """Find one value of a run.

    :ivar of: returns the run's value, or :data:`MISSING`.
    :ivar literal: turns what was written beside the field into what ``of`` returns.
    """

    name: str
    of: Callable[[RunSummary], Any]
    literal: Callable[[Any], Any] = lambda value: value

    def known(self, run: RunSummary) -> bool:
        """Return whether a run has the value."""
        return self.of(run) is not MISSING


def field_named(text: str) -> Field:
    """Return the field that a text names.

    :raises ValueError: there is none; the message names the nearest.

    >>> field_named('tags."my owner"').name
    'tags.my owner'
    >>> field_named("metrcs.acc")
    Traceback (most recent call last):
    ValueError: there is no field 'metrcs.acc'; did you mean 'metrics.acc'?
    """
    group, _, rest = text.partition(".")
    if group in GROUPS and rest:
        name = unquoted(rest)
        return Field(f"{group}.{name}", _metric(name) if group == "metrics" else _entry(group, name))
    if text in _ATTRIBUTES:
        return _ATTRIBUTES[text]
    if rest:
        near = [f"{other}.{rest}" for other in get_close_matches(group, GROUPS, n=1)]
    else:
        near = get_close_matches(text, [*_ATTRIBUTES, *GROUPS], n=1)
    known = f"did you mean {near[0]!r}?" if near else f"use metrics.…, params.…, tags.…, {', '.join(_ATTRIBUTES)}"
    raise ValueError(f"there is no field {text!r}; {known}")


def field_names(run: RunSummary) -> Iterator[str]:
    """Yield the name of every metric, param and tag that a run has."""
    for group in GROUPS:
        for name in getattr(run, group):
            yield f"{group}.{name}"


def _metric(name: str) -> Callable[[RunSummary], Any]:
    def of(run: RunSummary) -> Any:
        last = run.metrics.get(name)
        return MISSING if last is None else last.value

    return of


def _entry(group: str, name: str) -> Callable[[RunSummary], Any]:
    return lambda run: getattr(run, group).get(name, MISSING)


def _present(value: Any) -> Any:
    return MISSING if value is None else value


def _duration(run: RunSummary) -> Any:
    end = run.ended or run.last_event
    return (end - run.started) / 1e9 if run.started and end else MISSING


def _moment(value: Any) -> int:
    """Return the nanoseconds of an ISO time, which is local unless it names its zone, or of Unix seconds."""
    if isinstance(value, str):
        try:
            seconds = datetime.datetime.fromisoformat(value).astimezone().timestamp()
        except ValueError:
            raise ValueError("write a time as '2026-11-21' or '2026-11-21T09:30+01:00'") from None
        return round(seconds * 1e6) * 1000
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return int(value * 1e9)
    raise ValueError("write a time as '2026-11-21' or '2026-11-21T09:30+01:00'")


_ATTRIBUTES: Final = {
    field.name: field
    for field in (
        Field("status", lambda run: run.status),
        Field("name", lambda run: run.name),
        Field("project", lambda run: run.project),
        Field("id", lambda run: run.id),
        Field("started", lambda run: _present(run.started), _moment),
        Field("ended", lambda run: _present(run.ended), _moment),
        Field("duration", _duration),
        Field("points", lambda run: _present(run.points)),
        Field("group", lambda run: _present(run.group)),
        Field("parent", lambda run: _present(run.parent)),
    )
}
