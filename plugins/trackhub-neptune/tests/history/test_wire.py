"""The decoder of neptune-scale's messages, against the client's own protobuf classes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackhub_neptune.history import snapshot, wire
from trackhub_neptune.history.snapshot import FileRef, Histogram, MalformedError, Moment

common_pb2 = pytest.importorskip("neptune_api.proto.neptune_pb.ingest.v1.common_pb2")

TEXT = st.text(max_size=20)
FLOATS = st.floats(width=64)
MICROSECONDS = st.integers(-(10**16), 10**16)


def moment(microseconds: int) -> dict[str, int]:
    return {"seconds": microseconds // 10**6, "nanos": microseconds % 10**6 * 1000}


VALUES = st.one_of(
    st.builds(lambda v: ({"float64": v}, v), FLOATS),
    st.builds(lambda v: ({"int64": v}, v), st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda v: ({"bool": v}, v), st.booleans()),
    st.builds(lambda v: ({"string": v}, v), TEXT),
    st.builds(lambda v: ({"timestamp": moment(v)}, Moment(v * 1000)), MICROSECONDS),
    st.builds(lambda v: ({"string_set": {"values": sorted(v)}}, v), st.sets(TEXT)),
    st.builds(
        lambda p, s, m: ({"file_ref": {"path": p, "size_bytes": s, "mime_type": m}}, FileRef(p, s, m)),
        TEXT, st.integers(0, 2**62), TEXT,
    ),
    st.builds(
        lambda e, c: ({"histogram": {"bin_edges": e, "counts": {"values": c}}}, Histogram("COUNTING", e, c)),
        st.lists(FLOATS), st.lists(st.integers(0, 2**64 - 1)),
    ),
    st.builds(
        lambda e, d: ({"histogram": {"bin_edges": e, "densities": {"values": d}}}, Histogram("DENSITY", e, d)),
        st.lists(FLOATS), st.lists(FLOATS),
    ),
)  # fmt: skip


@given(
    step=st.none() | st.tuples(st.integers(0, 10**12), st.integers(0, 999_999)),
    time=MICROSECONDS,
    preview=st.none() | st.floats(0, 1, width=32),
    assigned=st.dictionaries(TEXT, VALUES, max_size=5),
    appended=st.dictionaries(TEXT, VALUES, max_size=5),
    added=st.dictionaries(TEXT, st.sets(TEXT, min_size=1), max_size=3),
    removed=st.dictionaries(TEXT, st.sets(TEXT, min_size=1), max_size=3),
)
def test_an_update_is_decoded_as_the_client_encodes_it(
    *, step: Any, time: int, preview: Any, assigned: Any, appended: Any, added: Any, removed: Any
) -> None:
    """Every kind of value, in every place, comes back as it went in."""
    removed = {key: words for key, words in removed.items() if key not in added}
    sets = [(key, words, 1) for key, words in added.items()] + [(key, words, 2) for key, words in removed.items()]
    message = common_pb2.UpdateRunSnapshot(
        timestamp=moment(time),
        assign={key: common_pb2.Value(**value) for key, (value, _) in assigned.items()},
        append={key: common_pb2.Value(**value) for key, (value, _) in appended.items()},
        modify_sets={
            key: common_pb2.ModifySet(string=common_pb2.ModifyStringSet(values=dict.fromkeys(words, operation)))
            for key, words, operation in sets
        },
    )
    if step is not None:
        message.step.CopyFrom(common_pb2.Step(whole=step[0], micro=step[1]))
    if preview is not None:
        message.preview.CopyFrom(common_pb2.Preview(is_preview=True, completion_ratio=preview))
    found = snapshot.update(message.SerializeToString())
    assert (found.step, found.time, found.preview, found.unknown) == (step, time * 1000, preview, [])
    assert _same(found.assigned, {key: told for key, (_, told) in assigned.items()})
    assert _same(found.appended, {key: told for key, (_, told) in appended.items()})
    assert (found.added, found.removed) == (added, removed)


def test_a_new_run_is_decoded_as_the_client_encodes_it() -> None:
    """Experiment, creation time and fork point come back."""
    message = common_pb2.Run(
        run_id="r",
        family="f",
        experiment_id="e",
        creation_time=moment(1_714_979_289_123_456),
        fork_point=common_pb2.ForkPoint(
            parent_project="t/p", parent_run_id="parent", step=common_pb2.Step(whole=3, micro=500_000)
        ),
        inherit_configs=True,
    )
    run = snapshot.new_run(message.SerializeToString())
    assert (run.run_id, run.family, run.experiment, run.created) == ("r", "f", "e", 1_714_979_289_123_456_000)
    assert (run.parent_project, run.parent, run.fork_step, run.inherits) == ("t/p", "parent", (3, 500_000), True)


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    """Whatever a damaged file holds, it is a message or it is MalformedError, and nothing else happens."""
    for decode in (snapshot.update, snapshot.new_run):
        try:
            decode(data)
        except MalformedError:
            continue


@given(st.integers(0, 2**64 - 1), st.data())
def test_what_is_cut_off_is_refused(number: int, data: st.DataObject) -> None:
    """A message that ends within a field is no message."""
    message = common_pb2.UpdateRunSnapshot(step=common_pb2.Step(whole=number, micro=1)).SerializeToString()
    cut = data.draw(st.integers(1, len(message) - 1))
    with pytest.raises(MalformedError):
        list(wire.fields(message[:cut]))


def test_a_field_of_the_future_is_counted() -> None:
    """What no known client writes is not read, and is told."""
    assert snapshot.update(b"\x78\x01").unknown == ["UpdateRunSnapshot.15"]


def _same(found: dict[str, Any], told: dict[str, Any]) -> bool:
    return found.keys() == told.keys() and all(_equal(found[key], told[key]) for key in found)


def _equal(found: Any, told: Any) -> bool:
    if isinstance(found, float) and isinstance(told, float):
        return found == told or (math.isnan(found) and math.isnan(told))
    if isinstance(found, Histogram):
        return repr(found) == repr(told)
    return type(found) is type(told) and bool(found == told)
