"""Numbers of every kind as Python numbers, and what is none."""

from __future__ import annotations

import decimal
import enum
import fractions
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.model.scalars import as_scalar


class Tensor:
    """Stand for a 0-d array of a framework."""

    shape = ()

    def __init__(self, value) -> None:
        self.value = value

    def item(self):
        return self.value


class Size(Tensor):
    """Stand for an array with a shape."""

    shape = (3,)


class Index:
    def __index__(self) -> int:
        return 7


class Real:
    def __float__(self) -> float:
        return 0.5


class Color(enum.IntEnum):
    RED = 3


class Percent(float):
    pass


@given(st.floats(allow_nan=False) | st.integers() | st.booleans())
def test_python_numbers(value):
    """A Python number stays what it is."""
    assert as_scalar(value, "a") == value
    assert type(as_scalar(value, "a")) is type(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(False), False),
        (np.array(0.25), 0.25),
        (np.array(7), 7),
        (Tensor(0.5), 0.5),
        (Tensor(True), True),
        (Tensor(2**70), 2**70),
        (Index(), 7),
        (Real(), 0.5),
        (Color.RED, 3),
        (Percent(0.5), 0.5),
        (decimal.Decimal("0.5"), 0.5),
        (fractions.Fraction(1, 4), 0.25),
        (math.inf, math.inf),
    ],
)
def test_numbers_of_other_kinds(value, kept):
    """A number of another kind becomes the Python number it stands for, exactly."""
    found = as_scalar(value, "a")
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    "value",
    [
        "0.5",
        b"1",
        bytearray(b"1"),
        None,
        1j,
        np.complex128(1),
        [1.0],
        (1,),
        {1},
        {"b": 1},
        object(),
        Tensor("x"),
        int,
        print,
    ],
)
def test_no_number(value):
    """What is no number is refused, and the message names the metric."""
    with pytest.raises(TypeError, match="metric 'loss': "):
        as_scalar(value, "loss")


@pytest.mark.parametrize("value", [np.zeros(2), np.zeros((1, 1)), np.zeros(0), Size(1.0)])
def test_several_numbers(value):
    """An array with a shape is refused, with what to do."""
    with pytest.raises(TypeError, match=r"log its mean\(\)"):
        as_scalar(value, "loss")


def test_mapping_has_its_own_advice():
    """A mapping is refused, with what to do."""
    with pytest.raises(TypeError, match="under names of their own"):
        as_scalar({"a": 1}, "loss")


def test_long_text_is_cut():
    """A long value is shown in part."""
    with pytest.raises(TypeError) as caught:
        as_scalar("x" * 1000, "loss")
    assert len(str(caught.value)) < 200
