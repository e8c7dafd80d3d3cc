"""Turn Neptune's steps and times into ours: exact where a number can hold them, and told where not; pure functions."""

from __future__ import annotations

from datetime import UTC, date, datetime

MILLION = 1_000_000
_MILLISECONDS = 3


def step_of(whole: int, micro: int = 0) -> int | float:
    """Return the step that Neptune keeps as a whole part and millionths.

    >>> step_of(7), step_of(0, 500_000), step_of(3, 1)
    (7, 0.5, 3.000001)
    """
    whole, micro = whole + micro // MILLION, micro % MILLION
    return (whole * MILLION + micro) / MILLION if micro else whole


def is_exact(whole: int, micro: int) -> bool:
    """Return whether a float holds a step to its last millionth.

    >>> is_exact(3, 1), is_exact(999_999_999_999, 1), is_exact(999_999_999_999, 123_456)
    (True, False, False)
    """
    if not micro % MILLION:
        return True
    step = step_of(whole, micro)
    floor = int(step // 1)
    # Of a float the part after the point is exact; times a million it would not be.
    return floor * MILLION + round((step - floor) * MILLION) == whole * MILLION + micro


def plain_step(step: float | None) -> int | float | None:
    """Return a step as the user is likely to have written it: whole ones as an int.

    >>> plain_step(2.0), plain_step(0.5), plain_step(None)
    (2, 0.5, None)
    """
    return int(step) if isinstance(step, float) and step.is_integer() else step


def from_seconds(seconds: float) -> int:
    """Return nanoseconds; a float of today's seconds holds microseconds, and no more.

    >>> from_seconds(1700000000.123)
    1700000000123000000
    """
    return round(seconds * MILLION) * 1000


def from_milliseconds(milliseconds: int) -> int:
    """Return nanoseconds.

    >>> from_milliseconds(1)
    1000000
    """
    return milliseconds * MILLION


def from_text(text: str) -> int | None:
    """Return the nanoseconds of a time in ISO form, or None where it is none.

    >>> from_text("1970-01-01T00:00:01.5+00:00"), from_text("soon")
    (1500000000, None)
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * MILLION + since.microseconds) * 1000


def to_text(time: int) -> str:
    """Return a time in ISO form, in UTC, with as many digits as it has.

    >>> to_text(1_500_000_000), to_text(1), to_text(-1_000_000_000)
    ('1970-01-01T00:00:01.500+00:00', '1970-01-01T00:00:00.000000001+00:00', '1969-12-31T23:59:59.000+00:00')
    """
    seconds, rest = divmod(time, 1_000_000_000)
    days, seconds = divmod(seconds, 86_400)
    try:
        day = date.fromordinal(date(1970, 1, 1).toordinal() + days)
    except (ValueError, OverflowError):
        return f"{time} ns"
    digits = f"{rest:09d}"
    while len(digits) > _MILLISECONDS and digits.endswith("000"):
        digits = digits[:-3]
    return f"{day}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{digits}+00:00"
