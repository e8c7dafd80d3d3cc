"""Keep every deprecation with the version that removes it, so that none is forgotten.

The test suite fails on the day the version arrives (``tests/test_deprecated.py``).
"""

from __future__ import annotations

REMOVALS: dict[str, tuple[int, int]] = {}
"""Deprecated name -> the (major, minor) that removes it."""
