"""Params of every kind as plain values, and nested ones under dotted keys."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import math
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.model.codec import pack, unpack
from trackhub.model.values import flatten, plain_value, require_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=10)


class Mode(enum.Enum):
    FAST = "fast"


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


@dataclasses.dataclass
class Config:
    depth: int
    rate: float = 0.5


@given(VALUES)
def test_plain_values_stay(value):
    """What is plain already stays as it is, and the journal can hold it."""
    assert plain_value(value, "a") == value
    assert unpack(pack(plain_value(value, "a"))) == value


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, 2.5, None), [1, 2.5, None]),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.arange(3), [0, 1, 2]),
        (np.array(2.5), 2.5),
        (Mode.FAST, "fast"),
        (Level.HIGH, 3),
        (Name("x"), "x"),
        (Path("a") / "b", "a/b"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.UTC), "2024-01-02T03:00:00+00:00"),
        (Config(4), {"depth": 4, "rate": 0.5}),
        ([Config(1)], [{"depth": 1, "rate": 0.5}]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.OrderedDict(a=(1,)), {"a": [1]}),
        ({1: "a", None: "b", 2.5: "c"}, {"1": "a", "None": "b", "2.5": "c"}),
        (2**100, 2**100),
    ],
)
def test_values_of_other_kinds(value, plain):
    """A value of another kind becomes the plain one it stands for."""
    found = plain_value(value, "a")
    assert found == plain
    assert type(found) is type(plain)


def test_nan_stays():
    """A float that is no number stays one."""
    assert math.isnan(plain_value(math.nan, "a"))


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j, int, len, [object()], {"deep": [{"x": {1}}]}])
def test_no_plain_value(value):
    """What has no plain form is refused, and the message names the key and the way out."""
    with pytest.raises(TypeError, match=r"param 'lr.*pass str\(value\)"):
        plain_value(value, "lr")


def test_key_of_the_culprit():
    """Deep down, the message names the very item."""
    with pytest.raises(TypeError, match=r"'model.sizes\[1\].x'"):
        plain_value({"sizes": [1, {"x": object()}]}, "model")


@pytest.mark.parametrize("value", ["\ud800", ["a", "\udfff"], {"k": "\ud800"}, {"\ud800": 1}])
def test_lone_surrogates(value):
    """Text that UTF-8 cannot say is refused."""
    with pytest.raises(ValueError, match="lone surrogate"):
        plain_value(value, "a")


def test_require_text():
    """Text that UTF-8 can say is returned."""
    assert require_text("✓ 日本語 😀", "a") == "✓ 日本語 😀"


def test_flatten():
    """Nested mappings and dataclasses become dotted keys; an empty mapping is a leaf."""
    params = {"model": {"depth": 4, "opt": {"lr": 0.1, "betas": (0.9, 0.99)}}, "empty": {}, "config": Config(2), 3: "x"}
    assert dict(flatten(params)) == {
        "model.depth": 4,
        "model.opt.lr": 0.1,
        "model.opt.betas": [0.9, 0.99],
        "empty": {},
        "config.depth": 2,
        "config.rate": 0.5,
        "3": "x",
    }


@given(
    st.dictionaries(TEXT.filter(lambda text: "." not in text), VALUES.filter(lambda value: not isinstance(value, dict)))
)
def test_flatten_flat(params):
    """What is flat already keeps its keys and values."""
    assert dict(flatten(params)) == params


@pytest.mark.parametrize("params", [{"": 1}, {"a": {"": 1}}])
def test_empty_key(params):
    """An empty key is refused."""
    with pytest.raises(ValueError, match="an empty key"):
        list(flatten(params))


@pytest.mark.parametrize("params", [{("a",): 1}, {"a": {b"b": 1}}, {"a": [{("x",): 1}]}])
def test_key_that_is_no_text(params):
    """A key that is no text is refused."""
    with pytest.raises(TypeError, match="keys are strings"):
        list(flatten(params))
