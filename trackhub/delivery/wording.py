"""Put what a vendor raised or said into words that a file can keep; pure functions of text."""

from __future__ import annotations

from typing import Any

from trackhub.model.outcome import reason_of, sayable

MOST = 4000
"""Characters of one message: a vendor may answer with a whole page."""


def worded(error: BaseException, *, named: bool = False) -> str:
    r"""Return what an error says, fit for a record.

    :param named: put the error's class before it; one that says nothing is named in any case.

    >>> worded(ValueError("no \udcff"), named=True), worded(ValueError("no"))
    ('ValueError: no \\udcff', 'no')
    """
    full = reason_of(error)
    said = full if named else full.removeprefix(f"{type(error).__name__}: ")
    return said if len(said) <= MOST else f"{said[:MOST]} … and {len(said) - MOST} characters more"


def kept_text(value: Any) -> Any:
    """Return plain values with every text such that UTF-8 can say it."""
    if isinstance(value, str):
        return sayable(value)
    if isinstance(value, dict):
        return {kept_text(key): kept_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [kept_text(item) for item in value]
    return value
