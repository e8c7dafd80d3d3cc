"""Journals of every format version stay readable for ever: golden files, and what they say."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import msgspec
import pytest

from trackhub.journal.reader import SegmentReader
from trackhub.journal.segment import SegmentHeader
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    FileEntry,
    MetricsLogged,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
    UnknownEvent,
)

GOLDEN = Path(__file__).parent / "golden"
RUN = "0190163d8694739ba9ea95d9ea16b3f1"
T = 1_718_000_000_000_000_000

ROWS = [
    MetricsLogged(time=T, metrics={"loss": 0.5, "acc": 0.25}, step=0),
    MetricsLogged(time=T + 1, metrics={"loss": math.nan, "acc": math.inf}, step=1),
    MetricsLogged(time=T + 2, metrics={"loss": -0.0, "acc": 5e-324}, step=-1),
    MetricsLogged(time=T + 3, metrics={"n": -9223372036854775808}),
    MetricsLogged(time=T + 4, metrics={"n": 9223372036854775807}),
    MetricsLogged(time=T + 5, metrics={"ok": True, "bad": False}, step=1.5),
    MetricsLogged(
        time=T + 6,
        metrics={"huge": 18446744073709551616, "tiny": -1267650600228229401496703205376, "mixed": 0.5},
        step=1180591620717411303424,
    ),
    MetricsLogged(time=T - 7, metrics={"naïve ✓/日本語": 1.0}, step=3),
    MetricsLogged(time=T + 8, metrics={"loss": 0.125, "acc": 1.0}, step=4611686018427387904),
]
EVENTS = {
    "header": [],
    "events": [
        RunStarted(time=T, id=RUN, name="forest-1", project="digits", attempt="w1"),
        RunStarted(
            time=T + 1, id=RUN, name="naïve ✓", project="p", attempt="w2", parent="a" * 32, group="sweep", rank=0
        ),
        RunResumed(time=T + 2, attempt="w3"),
        RunResumed(time=T + 3, attempt="w4", rank=7),
        ParamsLogged(
            time=T + 4,
            params={
                "none": None,
                "yes": True,
                "int": -5,
                "int64": 9223372036854775807,
                "uint64": 18446744073709551615,
                "big": 1208925819614629174706176,
                "negative big": -1000000000000000000000000000000,
                "float": 0.1,
                "nan": math.nan,
                "inf": -math.inf,
                "text": "日本語 ✓",
                "list": [1, [2.5, None], {"deep": 1180591620717411303424}],
                "empty": {},
            },
        ),
        ParamsLogged(time=T + 5, params={"lr": 0.5}, overwrite=True),
        TagsSet(time=T + 6, tags={"owner": "me", "é": ""}),
        ArtifactLogged(
            time=T + 7,
            name="weights",
            type="model",
            files=(FileEntry("weights/a.bin", "0" * 64, 0), FileEntry("b ✓.txt", "f" * 64, 1099511627776)),
        ),
        EnvironmentCaptured(time=T + 8, environment={"python": "3.11.7", "gpus": [{"memory": 68719476736}]}),
        RunEnded(time=T + 9, status="finished", attempt="w1"),
        RunEnded(time=T + 10, status="crashed", attempt="w2", reason="vanished", inferred=True),
    ],
    "rows": ROWS,
    "unknown": [
        TagsSet(time=T, tags={"before": "1"}),
        UnknownEvent(
            time=T + 1,
            type="moon_rose",
            fields={
                "event": "moon_rose",
                "time": T + 1,
                "phase": [0.5, 1237940039285380274899124224],
                "more": {"a": None},
            },
        ),
        TagsSet(time=T + 2, tags={"a": "b"}),
        TagsSet(time=T + 3, tags={"after": "1"}),
    ],
    "torn": ROWS[:-1],
    "tiny": [MetricsLogged(time=T + 1, metrics={"loss": 0.5}, step=7), TagsSet(time=T + 2, tags={"a": "b"})],
}
FULL = SegmentHeader(
    run=RUN,
    project="ünï/cödé ✓",
    writer="header",
    role="delivery",
    created=T,
    host="node-7",
    pid=4242,
    boot="3f1c0c5e-8d3a-4f5e-9d55-5f2c6f3a7b11",
    birth=123456,
    rank=3,
    version="0.1.0",
)
PLAIN = SegmentHeader(run=RUN, project="digits", writer="", role="run", created=T, host="h", pid=1)
HEADERS = {"header": FULL, "tiny": msgspec.structs.replace(PLAIN, project="p", writer="w")}
DIGESTS = {
    "v1/events.seg": "e8672200b6cc0a8f",
    "v1/header.seg": "a7de5b903a2552c3",
    "v1/rows.seg": "bfe87eab0fe90c6a",
    "v1/tiny.seg": "6e7f9441f66e3340",
    "v1/torn.seg": "494428ce765c651d",
    "v1/unknown.seg": "54634d139a7f5b85",
}


@pytest.mark.parametrize("name", EVENTS)
def test_version_1(name):
    """Every event of a golden segment is read as it was written."""
    reader = SegmentReader(GOLDEN / "v1" / f"{name}.seg")
    found = [record.event for record in reader.records()]
    assert [type(event) for event in found] == [type(event) for event in EVENTS[name]]
    # The text tells NaN from NaN, -0.0 from 0.0 and True from 1.
    assert [repr(msgspec.to_builtins(event)) for event in found] == [
        repr(msgspec.to_builtins(event)) for event in EVENTS[name]
    ]
    assert reader.header == HEADERS.get(name, msgspec.structs.replace(PLAIN, writer=name))
    assert [item.reason for item in reader.damage] == (["a record of the unknown type 7"] if name == "unknown" else [])
    assert (reader.tail() is None) == (name != "torn")


def test_golden_files_are_never_changed():
    """A golden file is added, never written again: its digest is known."""
    found = {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(GOLDEN.glob("v*/*.seg"))
    }
    assert found == DIGESTS
