"""Work out what a run's params and tags are once more are given; nothing here reads or writes a file."""

from __future__ import annotations

from typing import Any

from trackhub.errors import Rejected
from trackhub.model.entities import Param, Tag
from trackhub_local import values
from trackhub_local.times import told

_Entries = dict[str, dict[str, Any]]


def with_params(known: _Entries, params: tuple[Param, ...], where: str) -> _Entries:
    """Return the params with those that are given.

    A value that was overwritten stays in the list ``before``, so that it is known when it is given again.

    :raises Rejected: a param has another value already, and may not be overwritten.
    """
    entries = dict(known)
    for param in params:
        entry = values.say(param.value) | told("time", param.time)
        if param.overwritten:
            entry["overwritten"] = True
        held = entries.get(param.name)
        if held is None:
            entries[param.name] = entry
            continue
        history = [held, *held.get("before", ())]
        if any(_same(entry, one) for one in history):
            continue
        if param.overwritten:
            before = {key: item for key, item in held.items() if key != "before"}
            entries[param.name] = entry | {"before": [before, *held.get("before", ())]}
        elif values.identity(entry) != values.identity(held):
            raise Rejected(
                f"{where}: param {param.name!r} is {_short(values.read(held))} already, and {_short(param.value)} was "
                "given: log it with overwrite=True, or under another name"
            )
    return entries


def with_tags(known: _Entries, tags: tuple[Tag, ...]) -> _Entries:
    """Return the tags with those that are given; a later one takes the place of the one before."""
    return known | {tag.name: {"value": tag.value, **told("time", tag.time)} for tag in tags}


def _same(entry: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether an entry is the one that was given before: its value, its time and how it was given."""
    alike = all(entry.get(key) == other.get(key) for key in ("time_ns", "overwritten"))
    return alike and values.identity(entry) == values.identity(other)


def _short(value: Any) -> str:
    text = ascii(value) if not isinstance(value, int) or value.bit_length() < 1000 else hex(value)  # noqa: PLR2004
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004
