"""A reader that knows nothing but ``docs/reference/journal-format.md`` reads the golden files."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

GOLDEN = Path(__file__).parent / "golden" / "v1"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "journal-format.md"
T = 1_718_000_000_000_000_000


# ---- the reader, from the page alone ---------------------------------------------------------------------------------


class NotReadableError(Exception):
    """Say that a segment is of a newer version, or none."""


def extension(kind: int, data: memoryview) -> Any:
    """Return the integer that an extension of type 1 holds; keep another one."""
    return int(bytes(data)) if kind == 1 else msgspec.msgpack.Ext(kind, bytes(data))


unpack = msgspec.msgpack.Decoder(ext_hook=extension).decode


def read_value(code: str, data: bytes, at: int) -> tuple[Any, int]:
    """Return the value that a column code names, and where the next one begins."""
    if code in {"d", "q", "?"}:
        return struct.unpack_from("<" + code, data, at)[0], at + struct.calcsize("<" + code)
    end = at + int(code[1:])
    return int.from_bytes(data[at:end], "little", signed=True), end


def read_row(layout: list[Any], payload: bytes) -> dict[str, Any]:
    """Return a row as the event that it means."""
    _, step_code, names, codes = layout
    (time,) = struct.unpack_from("<q", payload)
    row: dict[str, Any] = {"event": "metrics_logged", "time": time, "metrics": {}}
    at = 8
    if step_code:
        row["step"], at = read_value(step_code, payload, at)
    for name, code in zip(names, codes, strict=True):
        row["metrics"][name], at = read_value(code, payload, at)
    assert at == len(payload)
    return row


def read_segment(data: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a segment's header and its events; stop before a torn tail."""
    magic, version, _, size = struct.unpack_from("<8sHHI", data)
    end = 16 + size
    (crc,) = struct.unpack_from("<I", data, end)
    if magic != b"\x93THJ\r\n\x1a\n" or crc != crc32(data[:end]) or version > 1:
        raise NotReadableError
    header, events, layouts, at = unpack(data[16:end]), [], {}, end + 4
    while at + 12 <= len(data):
        length, kind = struct.unpack_from("<II", data, at)
        end = at + length - 4
        if length < 12 or end + 4 > len(data):
            break
        if struct.unpack_from("<I", data, end)[0] != crc32(data[at:end], crc):
            break
        (crc,) = struct.unpack_from("<I", data, end)
        payload = data[at + 8 : end]
        if kind == 0:
            events.append(unpack(payload))
        elif kind == 1:
            layout = unpack(payload)
            layouts[layout[0]] = layout
        elif kind >= 16:
            events.append(read_row(layouts[kind], payload))
        at = end + 4
    return header, events


# ---- what it reads ---------------------------------------------------------------------------------------------------


def test_the_reader_is_independent():
    """The reader imports nothing of trackhub."""
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith("trackhub") for name in names)


def test_header():
    """Every field of a header is read."""
    header, events = read_segment((GOLDEN / "header.seg").read_bytes())
    assert header == {
        "run": "0190163d8694739ba9ea95d9ea16b3f1",
        "project": "ünï/cödé ✓",
        "writer": "header",
        "role": "delivery",
        "created": T,
        "host": "node-7",
        "pid": 4242,
        "boot": "3f1c0c5e-8d3a-4f5e-9d55-5f2c6f3a7b11",
        "birth": 123456,
        "rank": 3,
        "version": "0.1.0",
    }
    assert events == []


@pytest.mark.parametrize("name", ["rows", "torn"])
def test_rows(name):
    """Rows of every column code are read, up to a torn one."""
    _, events = read_segment((GOLDEN / f"{name}.seg").read_bytes())
    found = [(event["time"] - T, event["metrics"], event.get("step")) for event in events]
    wanted = [
        (0, {"loss": 0.5, "acc": 0.25}, 0),
        (1, {"loss": float("nan"), "acc": float("inf")}, 1),
        (2, {"loss": -0.0, "acc": 5e-324}, -1),
        (3, {"n": -(2**63)}, None),
        (4, {"n": 2**63 - 1}, None),
        (5, {"ok": True, "bad": False}, 1.5),
        (6, {"huge": 2**64, "tiny": -(2**100), "mixed": 0.5}, 2**70),
        (-7, {"naïve ✓/日本語": 1.0}, 3),
        (8, {"loss": 0.125, "acc": 1.0}, 2**62),
    ]
    assert repr(found) == repr(wanted if name == "rows" else wanted[:-1])


def test_events():
    """Events of every type are read, with every field and with the least."""
    _, events = read_segment((GOLDEN / "events.seg").read_bytes())
    assert [event["time"] - T for event in events] == list(range(11))
    assert events[0] == {
        "event": "run_started",
        "time": T,
        "id": "0190163d8694739ba9ea95d9ea16b3f1",
        "name": "forest-1",
        "project": "digits",
        "attempt": "w1",
    }
    assert events[4]["params"]["big"] == 2**80
    assert events[4]["params"]["uint64"] == 2**64 - 1
    assert events[4]["params"]["list"] == [1, [2.5, None], {"deep": 2**70}]
    assert events[10] == {
        "event": "run_ended",
        "time": T + 10,
        "status": "crashed",
        "attempt": "w2",
        "reason": "vanished",
        "inferred": True,
    }


def test_unknown():
    """What a later trackhub of this format wrote is kept or passed over."""
    _, events = read_segment((GOLDEN / "unknown.seg").read_bytes())
    assert [event["event"] for event in events] == ["tags_set", "moon_rose", "tags_set", "tags_set"]


def test_page_lists_every_event_and_field():
    """The page's table has every event type and field that occurs in the golden files, and its brackets are right."""
    table = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    _, events = read_segment((GOLDEN / "events.seg").read_bytes())
    seen: dict[str, set[str]] = {}
    for event in events:
        assert event["event"] in table
        for field in event.keys() - {"event", "time"}:
            assert f"`{field}`" in table[event["event"]], (event["event"], field)
        seen.setdefault(event["event"], set()).update(event)
    for name, fields in table.items():
        if name in seen:
            required = set(re.findall(r"`(\w+)` (?:str|map|array)", fields.split("[")[0])) - {"path", "sha256", "size"}
            assert required <= seen[name]


def test_page_shows_real_bytes():
    """The worked example is a golden file, and its table says where each part stands."""
    page = PAGE.read_text(encoding="utf-8")
    dump = re.search(r"```text\n(00000000 .*?)```", page, re.DOTALL)[1]
    data = bytes.fromhex("".join(line.split("  ", 1)[1] for line in dump.splitlines()))
    assert data == (GOLDEN / "tiny.seg").read_bytes()
    header, events = read_segment(data)
    assert header["writer"] == "w"
    assert events == [
        {"event": "metrics_logged", "time": T + 1, "metrics": {"loss": 0.5}, "step": 7},
        {"event": "tags_set", "time": T + 2, "tags": {"a": "b"}},
    ]
    parts = re.findall(r"^\| `([0-9a-f]{2})` \| ((?:`[0-9a-f …]+` ?)+)\|", page, re.MULTILINE)
    assert len(parts) == 15
    for offset, shown in parts:
        part = bytes.fromhex(re.sub("[` …]", "", shown))
        assert data[int(offset, 16) :].startswith(part), offset


def test_crc_of_the_page():
    """The page's check value is that of the CRC used."""
    assert crc32(b"123456789") == 0xCBF43926
