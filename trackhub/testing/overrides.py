"""Let a plugin's suite weaken a test only where it says so and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from trackhub.testing.sentences import cited_by

_Test = TypeVar("_Test", bound=Callable[..., Any])
_MARK = "_trackhub_overrides"


def overrides(reason: str) -> Callable[[_Test], _Test]:
    """Mark a test that takes the place of one of the suite's; the card shows the reason.

    >>> from trackhub.testing import BackendSuite
    >>> class TestConformance(BackendSuite):
    ...     @overrides("the vendor keeps times in seconds")
    ...     def test_times_to_the_millisecond(self, bench): ...
    """
    if not reason.strip():
        raise ValueError("overrides: say why, as in @overrides('the vendor keeps times in seconds')")

    def mark(test: _Test) -> _Test:
        setattr(test, _MARK, reason)
        return test

    return mark


def reason_of(test: object) -> str | None:
    """Return why a test was overridden, or None where it is the suite's own."""
    return getattr(test, _MARK, None)


def refuse_unmarked(suite: type) -> None:
    """Refuse a class that weakens the suite in silence.

    :raises TypeError: it replaces a test of the suite without a mark, or marks what replaces nothing.
    """
    for name, value in vars(suite).items():
        above = next((vars(base)[name] for base in suite.__mro__[1:] if name in vars(base)), None)
        replaces = above is not None and (bool(cited_by(above)) or reason_of(above) is not None)
        marked = reason_of(value) is not None
        if replaces and not marked:
            raise TypeError(
                f"{suite.__qualname__}.{name} takes the place of a test of the suite ({', '.join(cited_by(above))}); "
                'say why with @overrides("reason")'
            )
        if marked and not replaces:
            raise TypeError(f"{suite.__qualname__}.{name} overrides nothing: the suite has no test of that name")
