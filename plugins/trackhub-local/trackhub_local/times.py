"""Write times for people, beside the nanoseconds that are read back."""

from __future__ import annotations

import datetime
from typing import Any

_SECOND = 1_000_000_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def told(key: str, time: int | None) -> dict[str, Any]:
    """Return a time as two entries: to be read, and exact.

    >>> told("started", 1_600_000_000_123_456_789)
    {'started': '2020-09-13T12:26:40.123456789Z', 'started_ns': 1600000000123456789}
    >>> told("ended", None)
    {'ended': None, 'ended_ns': None}
    """
    return {key: None if time is None else iso(time), f"{key}_ns": time}


def iso(time: int) -> str | None:
    """Return nanoseconds since 1970 as ISO 8601, or None beyond the years 1 to 9999."""
    seconds, rest = divmod(time, _SECOND)
    try:
        moment = _EPOCH + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09}Z" if moment.year >= 1000 else None  # noqa: PLR2004 - %Y pads nothing
