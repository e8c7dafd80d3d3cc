"""Say what a test needs of a backend; where that is missing, the test is not supported, which is no pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

_Test = TypeVar("_Test", bound=Callable[..., Any])
_MARK = "_trackhub_needs"

BETTER = frozenset({"read_columns", "read_notes"})
"""Hooks that make something quicker or tell more; nobody lacks a capability for not having them."""


class NotSupported(Exception):  # noqa: N818 - it is no error
    """Say that a backend lacks what a test needs, and what that is."""


def needs(*what: str) -> Callable[[_Test], _Test]:
    """Mark a test with the hooks it needs, without ``trackhub_``, or with what only the author can give.

    What can be given is ``unreachable_url`` and ``refused_url``.
    """

    def mark(test: _Test) -> _Test:
        setattr(test, _MARK, what)
        return test

    return mark


def needed_by(test: object) -> tuple[str, ...]:
    """Return what a test needs."""
    what: tuple[str, ...] = getattr(test, _MARK, ())
    return what


def not_supported(reason: str) -> NoReturn:
    """Leave a test that the backend cannot be given."""
    raise NotSupported(reason)
