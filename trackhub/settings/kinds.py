"""Turn what people write into a setting's kind of value, or say what it should be.

A kind takes any value, from a file, a variable or an argument, and raises :class:`UnfitError`, which shows none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from trackhub.settings.destinations import check_named, split_named

T = TypeVar("T")

_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})


class UnfitError(ValueError):
    """Say what a value should have been.

    :ivar part: the one of a table's names that is meant, if it is one.
    """

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.part = part


def one_of(*words: T) -> Callable[[Any], T]:
    """Return the kind that is one of a few words.

    >>> one_of("online", "offline", "disabled")("onlin")
    Traceback (most recent call last):
    trackhub.settings.kinds.UnfitError: input should be 'online', 'offline' or 'disabled'
    """

    def read(value: Any) -> T:
        for word in words:
            if isinstance(value, str) and value == word:
                return word
        raise UnfitError(f"input should be {', '.join(map(repr, words[:-1]))} or {words[-1]!r}")

    return read


def flag(value: Any) -> bool:
    """Return yes or no, as a truth value, a number, or one of the usual words.

    >>> flag("off"), flag("Yes"), flag(1)
    (False, True, True)
    """
    if isinstance(value, str):
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
    elif isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    raise UnfitError("input should be a valid boolean, such as true or false")


def seconds(value: Any) -> float:
    """Return a time in seconds, as a number or its text.

    >>> seconds("1.5")
    1.5
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnfitError("input should be a valid number of seconds")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise UnfitError("input should be a valid number of seconds") from None
    if not math.isfinite(number):
        raise UnfitError("input should be a finite number")
    if number < 0:
        raise UnfitError("input should be greater than or equal to 0")
    return number


def text_or_none(value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    if value is None:
        return None
    if not _text(value):
        raise UnfitError("input should have at least 1 character")
    return str(value)


def folder(value: Any) -> Path:
    """Return a path."""
    if not isinstance(value, str | os.PathLike):
        raise UnfitError("input should be a valid path")
    return Path(value)


def texts(value: Any) -> tuple[str, ...]:
    """Return texts, from a list or from one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple | set | frozenset):
        raise UnfitError("input should be a list of strings")
    return tuple(_text(one) for one in value)


def globs(value: Any) -> tuple[str, ...]:
    """Return texts, from a list or between commas.

    >>> globs("*_pin, code")
    ('*_pin', 'code')
    """
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else texts(value)


def named(value: Any) -> dict[str, str]:
    """Return URLs under names, from a table or a text such as ``prod=mlflow+http://host``."""
    try:
        table = split_named(value) if isinstance(value, str) else value
    except ValueError as error:
        raise UnfitError(str(error)) from error
    if not isinstance(table, Mapping):
        raise UnfitError("input should be a table of names and URLs")
    for name, url in table.items():
        try:
            check_named(_text(name), _text(url))
        except ValueError as error:
            raise UnfitError(str(error), part=str(name)) from error
    return dict(table)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnfitError("input should be a valid string")
    return value
