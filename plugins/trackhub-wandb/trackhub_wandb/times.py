"""Write times so that people and servers of doubles keep every digit, and read them; pure functions."""

from __future__ import annotations

import datetime

_S = 1_000_000_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def text_of(time: int) -> str:
    """Return nanoseconds since 1970 as UTC text.

    >>> text_of(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123456789Z'
    """
    moment = _EPOCH + datetime.timedelta(seconds=time // _S)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time % _S:09d}Z"


def time_of(text: str) -> int:
    """Return the nanoseconds since 1970 that a text says, ours or a server's.

    >>> time_of("2023-11-14T22:13:20.123456789Z"), time_of("2023-11-14T22:13:20Z")
    (1700000000123456789, 1700000000000000000)
    """
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.UTC)
    return int((moment - _EPOCH).total_seconds()) * _S + int(fraction[:9].ljust(9, "0") or 0)
