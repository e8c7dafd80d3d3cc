"""Hold what was measured, beside its budget, and say whether it is met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one figure.

    :ivar measured: None where it could not be measured, which the note explains.
    :ivar budget: the figure's bound; None where the design sets none.
    :ivar least: the budget is a floor, not a ceiling.
    """

    what: str
    measured: float | None
    unit: str
    budget: float | None = None
    least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the budget is met, or None without one."""
        if self.budget is None:
            return None
        if self.measured is None:
            return False
        return self.measured >= self.budget if self.least else self.measured <= self.budget

    def as_json(self, benchmark: str) -> dict[str, Any]:
        """Return the row as a machine reads it."""
        return {"benchmark": benchmark, **asdict(self), "met": self.met}


def table(rows: Iterable[Row]) -> str:
    """Return rows as aligned text."""
    cells = [("", "measured", "budget", "", "")]
    for row in rows:
        budget = "" if row.budget is None else f"{'≥' if row.least else '≤'} {number(row.budget)}"
        verdict = {None: "", True: "met", False: "MISSED"}[row.met]
        measured = "absent" if row.measured is None else f"{number(row.measured)} {row.unit}".rstrip()
        cells.append((row.what, measured, budget, verdict, row.note))
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(_line(row, widths) for row in cells)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    what, measured, budget, verdict, note = cells
    aligned = (what.ljust(widths[0]), measured.rjust(widths[1]), budget.ljust(widths[2]), verdict.ljust(widths[3]))
    return f"  {'  '.join((*aligned, note))}".rstrip()


def number(value: float) -> str:
    """Return a figure with three digits that matter.

    >>> number(1234567.0), number(12.345), number(0.01234)
    ('1,234,567', '12.3', '0.012')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"
