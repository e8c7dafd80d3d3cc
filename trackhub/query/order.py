"""Parse ``metrics.acc desc, started`` and sort run summaries by it; what is missing comes last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from trackhub.query.fields import MISSING, Field, field_named
from trackhub.query.summary import RunSummary
from trackhub.query.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Order:
    """Sort runs.

    >>> runs = [
    ...     RunSummary(id="0" * 32, name=name, project="p", status="finished", params={"n": n})
    ...     for name, n in [("a", 1), ("b", 3), ("c", 2)]
    ... ]
    >>> [run.name for run in Order.parse("params.n desc").sort(runs)]
    ['b', 'c', 'a']
    """

    keys: tuple[tuple[Field, bool], ...]

    @classmethod
    def parse(cls, text: str) -> Order:
        """Return the order that a text says: fields, each with ``asc`` or ``desc`` behind it if need be.

        :raises QueryError: it says none; the message shows where.
        """
        tokens = Tokens(text, "order_by")
        keys = [_key(tokens)]
        while tokens.take(","):
            keys.append(_key(tokens))
        if tokens.token.kind != "end":
            raise tokens.error("expected asc, desc, ',' or the end")
        return cls(keys=tuple(keys))

    def sort(self, runs: list[RunSummary]) -> list[RunSummary]:
        """Return the runs in this order; those that are equal stay as they were."""
        for field, descending in reversed(self.keys):
            pairs = [(field.of(run), run) for run in runs]
            ranked = [(_rank(value), run) for value, run in pairs if not _unordered(value)]
            ranked.sort(key=lambda pair: pair[0], reverse=descending)
            nan = [run for value, run in pairs if value is not MISSING and _unordered(value)]
            runs = [run for _, run in ranked] + nan + [run for value, run in pairs if value is MISSING]
        return runs


def _key(tokens: Tokens) -> tuple[Field, bool]:
    token = tokens.token
    if token.kind not in {"field", "word"}:
        raise tokens.error("expected a field such as metrics.acc or started")
    try:
        field = field_named(token.text)
    except ValueError as error:
        raise tokens.error(str(error)) from None
    tokens.skip()
    direction = tokens.take("asc", "desc")
    return field, direction is not None and direction.text == "desc"


def _unordered(value: Any) -> bool:
    return value is MISSING or (isinstance(value, float) and math.isnan(value))


def _rank(value: Any) -> tuple[int, Any]:
    """Return a key that numbers, texts and all else share: in this order."""
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, str(value))
