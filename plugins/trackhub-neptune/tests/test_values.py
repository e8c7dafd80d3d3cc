"""Hold params, texts, tails and tokens to what they promise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackhub_neptune.errors import for_status, readable
from trackhub_neptune.points import Mark
from trackhub_neptune.service import Bounds
from trackhub_neptune.tail import Tail
from trackhub_neptune.values import fitted, show

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized

V1, SCALE = Bounds(text=16_000, entry=1000, bits=32), Bounds(text=16_000, entry=1000, bits=64)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@given(VALUES, st.sampled_from([V1, SCALE]))
def test_a_value_is_told_by_its_attribute_or_beside(value: Any, bounds: Bounds):
    """Neptune's type tells the value exactly, or the JSON that is kept beside does."""
    found = fitted(value, bounds)
    if found.exact is not None:
        assert json.dumps(json.loads(found.exact)) == json.dumps(value)
        assert isinstance(found.shown, str)
    else:
        assert type(found.shown) is type(value)
        assert found.shown == value
    if isinstance(found.shown, str):
        found.shown.encode()
        assert len(found.shown) <= bounds.text


def test_integers_that_32_bits_do_not_hold_are_kept_beside():
    """2.x would drop them with a warning; 3.x has 64 bits."""
    assert fitted(2**31 - 1, V1).kind == "int"
    assert fitted(2**31, V1) == ("string", str(2**31), str(2**31))
    assert fitted(2**31, SCALE).kind == "int"
    assert fitted(2**63, SCALE).kind == "string"


def test_a_long_text_is_cut_with_a_mark():
    """What people see says that there is more."""
    assert show("x" * 16_000, 16_000) == "x" * 16_000
    cut = show("x" * 16_001, 16_000)
    assert len(cut) == 16_000
    assert cut.endswith("16001 characters, the whole is kept beside]")


def test_a_tail_comes_back():
    """Before points are sent it tells where their series stood; a piece of them leaves what is still under way."""
    begun = Tail().under_way(10, {"a": None, "b": Mark(5, 1)})
    assert Tail.of(begun.text) == begun
    part = begun.taken(4, "p", {"a": Mark(2, 1), "c": None})
    assert Tail.of(part.text) == Tail(4, "p", 10, {"a": Mark(2, 1), "b": Mark(5, 1)})
    assert part.under_way(7, {"a": Mark(9, 9), "d": None}).marks == {"a": Mark(2, 1), "b": Mark(5, 1), "d": None}
    assert Tail.of(part.taken(10, None, {}).text) == Tail(10, "p", 10)


def test_a_very_long_position_is_left_out():
    """A lost cursor then costs the time to give all again, and nothing else."""
    assert Tail.of(Tail(1, "x" * 5000, 1).text).position == ""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthorized),
        (403, Unauthorized),
        (429, RetryLater),
        (503, RetryLater),
        (404, RetryLater),
        (422, Rejected),
    ],
)
def test_a_status_says_what_to_do(status: int, kind: type[DeliveryError]):
    """What can pass is tried again, what cannot is refused, and credentials are a person's matter."""
    error = for_status(status, "said", {"Retry-After": "7"}, "neptune://a/b")
    assert type(error) is kind
    if status == 429:
        assert error.retry_after_s == 7.0


def test_a_500_is_tried_a_bounded_number_of_times():
    """It may be poison: neither for ever, nor never."""
    assert type(for_status(500, "", {}, "x")) is DeliveryError


def test_messages_hold_no_secret():
    """Tokens, user-info and the signatures of storage are cut out."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln"
    text = readable(f"Bearer {token} at https://me:pw@host/x?sig=abc and {token}")
    for secret in (token, "pw", "abc"):
        assert secret not in text
