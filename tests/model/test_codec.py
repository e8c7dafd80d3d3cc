"""Events and plain values as bytes and back."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.model.codec import decode_event, pack, unpack
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    Event,
    FileEntry,
    KnownEvent,
    MetricsLogged,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
    UnknownEvent,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TIME = st.integers(0, 2**63 - 1)
LEAVES = st.none() | st.booleans() | st.integers() | st.integers(-(2**300), 2**300) | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12)
STATUS = st.sampled_from(["finished", "failed", "killed", "crashed"])
FILES = st.lists(st.builds(FileEntry, TEXT, TEXT, st.integers(0, 2**63))).map(tuple)
EVENTS = st.one_of(
    st.builds(
        RunStarted, time=TIME, id=TEXT, name=TEXT, project=TEXT, attempt=TEXT, parent=TEXT, rank=st.integers(0, 9)
    ),
    st.builds(RunResumed, time=TIME, attempt=TEXT, rank=st.none() | st.integers(0, 9)),
    st.builds(ParamsLogged, time=TIME, params=st.dictionaries(TEXT, VALUES), overwrite=st.booleans()),
    st.builds(TagsSet, time=TIME, tags=st.dictionaries(TEXT, TEXT)),
    st.builds(ArtifactLogged, time=TIME, name=TEXT, type=TEXT, files=FILES),
    st.builds(EnvironmentCaptured, time=TIME, environment=st.dictionaries(TEXT, VALUES)),
    st.builds(RunEnded, time=TIME, status=STATUS, attempt=TEXT, reason=TEXT, inferred=st.booleans()),
)


@given(VALUES)
def test_values_round_trip(value):
    """A plain value comes back as it was, its types and every digit."""
    assert repr(unpack(pack(value))) == repr(value)


@given(EVENTS)
def test_events_round_trip(event):
    """An event comes back as it was."""
    assert decode_event(pack(event)) == event


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**4000, -(10**4000)])
def test_ints_of_any_size(value):
    """An int keeps every digit."""
    assert unpack(pack(value)) == value
    assert unpack(pack({"a": [value, {"b": value}]})) == {"a": [value, {"b": value}]}


def test_ints_beyond_pythons_limit_on_digits():
    """An int keeps every digit, however many Python converts at once."""
    for value in (10**5000 + 7, -(3**60_000)):
        assert unpack(pack({"a": value})) == {"a": value}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -0.0, 5e-324])
def test_floats_of_every_kind(value):
    """A float keeps its bits."""
    assert repr(unpack(pack(value))) == repr(value)


def test_big_int_is_an_extension():
    """An int beyond 64 bits is the extension of type 1 that holds its decimal digits."""
    assert pack(2**64) == b"\xc7\x14\x01" + b"18446744073709551616"


def test_extension_of_another_type():
    """An extension that this version does not know is kept."""
    data = msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(9, b"xyz")})
    assert pack(unpack(data)) == data


def test_unknown_event():
    """An event of an unknown type keeps all its fields, and is the same bytes again."""
    data = pack({"event": "moon_rose", "time": 5, "phase": [1, 2**90]})
    event = decode_event(data)
    assert event == UnknownEvent(
        time=5, type="moon_rose", fields={"event": "moon_rose", "time": 5, "phase": [1, 2**90]}
    )
    assert pack(event.fields) == data


@pytest.mark.parametrize(
    "value", [None, 1, [], {}, {"event": "tags_set"}, {"time": "now", "event": "x"}, {"time": 1.5}]
)
def test_no_event(value):
    """What is no event is refused."""
    with pytest.raises(msgspec.DecodeError):
        decode_event(pack(value))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81", b"\xd9\xff", b"\x81\xa4time\x01\x00"])
def test_no_msgpack(data):
    """Bytes that are no msgpack are refused."""
    with pytest.raises(msgspec.DecodeError):
        decode_event(data)


def test_defaults_take_no_room():
    """A field with its default is not written, and is there when read."""
    data = pack(RunEnded(time=1, status="finished", attempt="w"))
    assert unpack(data) == {"event": "run_ended", "time": 1, "status": "finished", "attempt": "w"}
    assert decode_event(data) == RunEnded(time=1, status="finished", attempt="w", reason="", inferred=False)


def event_types() -> list[type]:
    """Return every event type that this version knows."""
    return list(KnownEvent.__args__)


def test_every_event_has_a_time_and_a_tag():
    """Every event type names itself and has a time; the tags are as the format's page lists them."""
    tags = {kind.__struct_config__.tag for kind in event_types()}
    assert tags == {
        "run_started",
        "run_resumed",
        "params_logged",
        "metrics_logged",
        "tags_set",
        "artifact_logged",
        "model_registered",
        "model_alias_set",
        "environment_captured",
        "run_ended",
    }
    assert all(kind.__struct_config__.tag_field == "event" for kind in event_types())
    assert all(kind.__struct_fields__[0] == "time" or "time" in kind.__struct_fields__ for kind in event_types())
    assert set(Event.__args__) == {*event_types(), UnknownEvent}


def test_events_are_values():
    """Events are frozen, and equal when they say the same."""
    event = MetricsLogged(time=1, metrics={"a": 1.0})
    assert event == MetricsLogged(time=1, metrics={"a": 1.0}, step=None)
    with pytest.raises(AttributeError):
        event.time = 2
