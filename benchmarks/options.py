"""Say what the query of a ``bench`` destination may hold, so that one with a query can be weighed."""

from __future__ import annotations

from trackhub.backend import Options


class BenchOptions(Options):
    """Take any word, and do nothing with it."""

    word: str = ""
