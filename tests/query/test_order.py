"""Orders: what comes first, what comes last, and what cannot be ordered."""

from __future__ import annotations

import pytest

from trackhub.query.order import Order
from trackhub.query.summary import RunSummary
from trackhub.query.tokens import QueryError

NAN = float("nan")


def runs(*values: object) -> list[RunSummary]:
    return [
        RunSummary(
            id=f"{place:032x}",
            name=str(place),
            project="p",
            status="finished",
            params={} if value == "-" else {"x": value},
        )
        for place, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("params.x", ["2", "0"]), ("params.x desc", ["0", "2"]), ("params.x DESC, name", ["0", "2"])],
)
def test_orders_put_nan_late_and_missing_last(order: str, expected: list[str]) -> None:
    """Whatever the direction, NaN comes behind all numbers, and what is missing behind that."""
    found = Order.parse(order).sort(runs(3, "-", 1, "-", NAN))
    assert [run.name for run in found] == [*expected, "4", "1", "3"]


def test_orders_are_stable_over_several_keys() -> None:
    """Runs that are equal in the first key are ordered by the second."""
    found = Order.parse("params.x desc, name desc").sort(runs(1, 2, 1, 2))
    assert [run.name for run in found] == ["3", "1", "2", "0"]


def test_orders_take_mixed_kinds() -> None:
    """Numbers come before texts, and texts before all else; nothing is an error."""
    found = Order.parse("params.x").sort(runs("b", [1], 2, None, "a", True))
    assert [run.params["x"] for run in found] == [True, 2, "a", "b", None, [1]]


@pytest.mark.parametrize("text", ["", "metrics.acc down", "metrics.acc,", "acc desc", "metrics.acc desc started"])
def test_an_order_that_cannot_be_read_is_an_error(text: str) -> None:
    """An order names fields, commas and directions; anything else is an error."""
    with pytest.raises(QueryError, match="order_by: "):
        Order.parse(text)
