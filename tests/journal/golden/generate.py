"""Write the golden segments of the current format version; those that exist are never written again.

Run it once for a new format version, or for a new file: ``python -m tests.journal.golden.generate``.
What each file must say stands in ``tests/journal/test_golden.py``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from trackhub.journal.segment import EVENT, VERSION, SegmentHeader
from trackhub.journal.writer import JournalWriter
from trackhub.model.codec import pack
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    FileEntry,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
)

RUN = "0190163d8694739ba9ea95d9ea16b3f1"
START = 1_718_000_000_000_000_000


def header(name: str) -> SegmentHeader:
    """Return a header; the one of ``header`` has every field."""
    if name == "header":
        return SegmentHeader(
            run=RUN,
            project="ünï/cödé ✓",
            writer=name,
            role="delivery",
            created=START,
            host="node-7",
            pid=4242,
            boot="3f1c0c5e-8d3a-4f5e-9d55-5f2c6f3a7b11",
            birth=123456,
            rank=3,
            version="0.1.0",
        )
    if name == "tiny":
        return SegmentHeader(run=RUN, project="p", writer="w", role="run", created=START, host="h", pid=1)
    return SegmentHeader(run=RUN, project="digits", writer=name, role="run", created=START, host="h", pid=1)


def events(writer: JournalWriter) -> None:
    """Write an event of every type, with every field and with the least."""
    writer.append(RunStarted(time=START, id=RUN, name="forest-1", project="digits", attempt="w1"))
    writer.append(
        RunStarted(
            time=START + 1, id=RUN, name="naïve ✓", project="p", attempt="w2", parent="a" * 32, group="sweep", rank=0
        )
    )
    writer.append(RunResumed(time=START + 2, attempt="w3"))
    writer.append(RunResumed(time=START + 3, attempt="w4", rank=7))
    writer.append(
        ParamsLogged(
            time=START + 4,
            params={
                "none": None,
                "yes": True,
                "int": -5,
                "int64": 2**63 - 1,
                "uint64": 2**64 - 1,
                "big": 2**80,
                "negative big": -(10**30),
                "float": 0.1,
                "nan": float("nan"),
                "inf": float("-inf"),
                "text": "日本語 ✓",
                "list": [1, [2.5, None], {"deep": 2**70}],
                "empty": {},
            },
        )
    )
    writer.append(ParamsLogged(time=START + 5, params={"lr": 0.5}, overwrite=True))
    writer.append(TagsSet(time=START + 6, tags={"owner": "me", "é": ""}))
    files = (FileEntry("weights/a.bin", "0" * 64, 0), FileEntry("b ✓.txt", "f" * 64, 2**40))
    writer.append(ArtifactLogged(time=START + 7, name="weights", type="model", files=files))
    writer.append(EnvironmentCaptured(time=START + 8, environment={"python": "3.11.7", "gpus": [{"memory": 2**36}]}))
    writer.append(RunEnded(time=START + 9, status="finished", attempt="w1"))
    writer.append(RunEnded(time=START + 10, status="crashed", attempt="w2", reason="vanished", inferred=True))


def rows(writer: JournalWriter) -> None:
    """Write rows of every column code and every kind of step."""
    writer.row_at(START, {"loss": 0.5, "acc": 0.25}, 0)
    writer.row_at(START + 1, {"loss": float("nan"), "acc": float("inf")}, 1)
    writer.row_at(START + 2, {"loss": -0.0, "acc": 5e-324}, -1)
    writer.row_at(START + 3, {"n": -(2**63)}, None)
    writer.row_at(START + 4, {"n": 2**63 - 1}, None)
    writer.row_at(START + 5, {"ok": True, "bad": False}, 1.5)
    writer.row_at(START + 6, {"huge": 2**64, "tiny": -(2**100), "mixed": 0.5}, 2**70)
    writer.row_at(START - 7, {"naïve ✓/日本語": 1.0}, 3)
    writer.row_at(START + 8, {"loss": 0.125, "acc": 1.0}, 2**62)


def unknown(writer: JournalWriter) -> None:
    """Write what a newer trackhub of this format may write."""
    writer.append(TagsSet(time=START, tags={"before": "1"}))
    for fields in (
        {"event": "moon_rose", "time": START + 1, "phase": [0.5, 2**90], "more": {"a": None}},
        {"event": "tags_set", "time": START + 2, "tags": {"a": "b"}, "colour": "red"},
    ):
        writer._open()
        writer._write(EVENT, pack(fields))
    writer._write(7, b"a record of a later kind")
    writer.append(TagsSet(time=START + 3, tags={"after": "1"}))


def tiny(writer: JournalWriter) -> None:
    """Write the segment whose bytes ``docs/reference/journal-format.md`` shows."""
    writer.row_at(START + 1, {"loss": 0.5}, 7)
    writer.append(TagsSet(time=START + 2, tags={"a": "b"}))


def generate(folder: Path) -> None:
    """Write each file that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        fills = {"header": None, "events": events, "rows": rows, "unknown": unknown, "torn": rows, "tiny": tiny}
        for name, fill in fills.items():
            writer = JournalWriter(Path(place), lambda name=name: header(name))
            writer._open()
            if fill is not None:
                fill(writer)
            writer.close()
            data = (Path(place) / f"{header(name).writer}.seg").read_bytes()
            target = folder / f"{name}.seg"
            if not target.exists():
                target.write_bytes(data[:-9] if name == "torn" else data)


if __name__ == "__main__":
    generate(Path(__file__).parent / f"v{VERSION}")
