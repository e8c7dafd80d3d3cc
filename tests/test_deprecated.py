"""See that what was announced to go is gone when its version arrives."""

from __future__ import annotations

import pytest

import trackhub
from trackhub.deprecated import REMOVALS


def _overdue(removals: dict[str, tuple[int, int]], version: str) -> list[str]:
    major, minor, *_ = version.split(".")
    return [name for name, gone in removals.items() if (int(major), int(minor)) >= gone]


def test_nothing_is_overdue():
    """A deprecated name whose version has arrived is to be removed now."""
    assert _overdue(REMOVALS, trackhub.__version__) == []


@pytest.mark.parametrize(("version", "overdue"), [("1.9.9", []), ("2.0.0", ["a"]), ("2.1.0", ["a"]), ("10.0.0", ["a"])])
def test_versions_compare_as_numbers(version, overdue):
    """The check itself fails from the day the version arrives, and not before."""
    assert _overdue({"a": (2, 0)}, version) == overdue
