"""What a reader makes of segments that are whole, torn, growing or damaged."""

from __future__ import annotations

import random
import struct
import tracemalloc
from zlib import crc32

import pytest

from trackhub.errors import JournalError
from trackhub.journal.reader import SegmentReader
from trackhub.journal.segment import CRC, EVENT, HEAD, MAGIC, encode_record
from trackhub.journal.writer import JournalWriter
from trackhub.model.codec import pack
from trackhub.model.events import MetricsLogged, TagsSet, UnknownEvent


def whole(sample, length: int) -> list:
    """Return the events of a sample's records that end within its first bytes."""
    events = iter(sample.events)
    # A layout is a record without an event.
    return [next(events) for end in sample.ends if not is_layout(sample, end) and end <= length]


def is_layout(sample, end: int) -> bool:
    """Say whether the record that ends there declares a layout."""
    begin = max([sample.begins, *(other for other in sample.ends if other < end)])
    return HEAD.unpack_from(sample.data, begin)[1] == 1


def test_torn_at_every_byte(sample, read_bytes):
    """Wherever a segment is torn, all whole records before it are read and nothing is called damage."""
    for length in range(len(sample.data)):
        events, damage, reader = read_bytes(sample.data[:length])
        assert events == whole(sample, length)
        assert damage == []
        assert (reader.tail() is None) == (length in {0, sample.begins, *sample.ends})


def test_growing_byte_by_byte(sample, tmp_path):
    """A reader that follows a file sees each record once, as soon as it is whole."""
    path = tmp_path / "a.seg"
    reader = SegmentReader(path)
    events = []
    assert list(reader.records()) == []
    with path.open("wb", buffering=0) as file:
        for length, byte in enumerate(sample.data, 1):
            file.write(bytes([byte]))
            events += [record.event for record in reader.records()]
            assert len(events) == len(whole(sample, length))
    assert events == sample.events
    assert reader.damage == []


def test_each_flipped_bit(sample, read_bytes):
    """Any single flipped bit is reported with its offset, and all records are read all the same."""
    for bit in range(len(sample.data) * 8):
        data = bytearray(sample.data)
        data[bit // 8] ^= 1 << bit % 8
        events, damage, _ = read_bytes(bytes(data))
        assert [(item.offset, item.length) for item in damage] == [(bit // 8, 1)]
        assert "mended" in damage[0].reason
        assert events == sample.events


def test_a_flipped_bit_in_a_large_event(tmp_path, new_header, read):
    """A flip in an event too long to mend loses that event alone."""
    writer = JournalWriter(tmp_path, lambda: new_header(writer="w"))
    events = [TagsSet(time=time, tags={"text": "x" * 5000}) for time in range(3)]
    for event in events:
        writer.append(event)
    writer.close()
    data = bytearray((tmp_path / "w.seg").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "w.seg").write_bytes(data)
    found, damage, _ = read(tmp_path / "w.seg")
    assert found == [events[0], events[2]]
    assert [item.reason for item in damage] == ["does not verify"]
    assert damage[0].offset <= len(data) // 2 < damage[0].offset + damage[0].length


def long_segment(folder, new_header, rows: int = 4000) -> tuple[bytes, list]:
    """Write a segment of many rows, with an event among them, and return its bytes and events."""
    writer = JournalWriter(folder, lambda: new_header(writer="long"))
    for number in range(rows):
        writer.row_at(number, {"loss": float(number), "acc": 0.5, "n": number}, number)
        if number % 100 == 0:
            writer.append(TagsSet(time=number, tags={"at": str(number)}))
    writer.close()
    reader = SegmentReader(folder / "long.seg")
    events = [record.event for record in reader.records()]
    assert not reader.damage
    return (folder / "long.seg").read_bytes(), events


def zeroed(data, rng, at, size):
    return data[:at] + bytes(size) + data[at + size :]


def garbage(data, rng, at, size):
    return data[:at] + rng.randbytes(size) + data[at + size :]


def removed(data, rng, at, size):
    return data[:at] + data[at + size :]


def inserted(data, rng, at, size):
    return data[:at] + rng.randbytes(size) + data[at:]


def duplicated(data, rng, at, size):
    return data[: at + size] + data[at:]


def swapped(data, rng, at, size):
    return data[:at] + data[at + size : at + 2 * size] + data[at : at + size] + data[at + 2 * size :]


@pytest.mark.parametrize("damage", [zeroed, garbage, removed, inserted, duplicated, swapped])
@pytest.mark.parametrize("size", [1, 7, 68, 512, 4096, 20_000])
def test_larger_damage(tmp_path, new_header, read_bytes, damage, size):
    """Damage of a block hides nothing before it, is reported, and records after it are read."""
    data, events = long_segment(tmp_path, new_header)
    rng = random.Random(size)
    for _ in range(5):
        changed = data
        while changed == data:
            at = rng.randrange(2000, len(data) - 60_000)
            changed = damage(data, rng, at, size)
        found, reported, _ = read_bytes(changed)
        assert reported
        assert min(item.offset for item in reported) >= at - 200
        before = len(read_bytes(data[:at]).events)
        assert found[:before] == events[:before]
        assert found[-200:] == events[-200:]
        # Each event is one that was written; only what was doubled is read twice.
        lost = 2 * size // 40 + 4
        assert len(events) - lost <= len(found) <= len(events) + (lost if damage is duplicated else 0)
        assert {*map(repr, found)} <= {*map(repr, events)}


@pytest.mark.parametrize("size", [20, 200, 4096, 70_000, 300_000])
def test_zeroed_beginning(tmp_path, new_header, read_bytes, size):
    """A segment that lost its beginning gives the events after it, and says which rows lost their layout."""
    writer = JournalWriter(tmp_path, lambda: new_header(writer="w"))
    for number in range(6000):
        writer.row_at(number, {"loss": 0.5}, number)
        writer.append(TagsSet(time=number, tags={"at": str(number)}))
    writer.close()
    data = (tmp_path / "w.seg").read_bytes()
    found, damage, reader = read_bytes(bytes(size) + data[size:])
    assert reader.header is None
    assert [item for item in found if isinstance(item, TagsSet)][-1] == TagsSet(time=5999, tags={"at": "5999"})
    assert damage[0].offset == 0
    if size >= 4096:
        assert damage[-1].reason == "a row whose layout was lost"
        assert len(found) + len(damage) >= (len(data) - size) // 45


@pytest.mark.parametrize("size", [0, 1, 100, 100_000])
def test_all_zeros(read_bytes, size):
    """A file of zeros, as power loss leaves it, is one whose bytes have not come yet."""
    found, damage, reader = read_bytes(bytes(size))
    assert (found, damage, reader.offset) == ([], [], 0)
    assert (reader.tail() is None) == (size == 0)


def test_zeros_behind_the_last_record(sample, read_bytes):
    """Zeros after the last record are a torn tail."""
    found, damage, reader = read_bytes(sample.data + bytes(5000))
    assert found == sample.events
    assert damage == []
    assert reader.tail().offset == len(sample.data)


def test_bytes_that_arrive_late(sample, tmp_path):
    """A hole of zeros at the end, as NFS may show, is read once its bytes are there."""
    path = tmp_path / "a.seg"
    hole = sample.ends[4]
    path.write_bytes(sample.data[:hole] + bytes(60))
    reader = SegmentReader(path)
    first = [record.event for record in reader.records()]
    assert first == whole(sample, hole)
    path.write_bytes(sample.data)
    assert first + [record.event for record in reader.records()] == sample.events
    assert reader.damage == []


def test_another_file(read_bytes):
    """A file that is no segment is refused."""
    with pytest.raises(JournalError, match="not a journal segment"):
        read_bytes(b"PK\3\4" + bytes(100))


def test_newer_format(sample, read_bytes):
    """A segment of a newer format is refused, not half read."""
    data = bytearray(sample.data)
    struct.pack_into("<H", data, len(MAGIC), 2)
    CRC.pack_into(data, sample.begins - 4, crc32(data[: sample.begins - 4]))
    with pytest.raises(JournalError, match="journal format 2"):
        read_bytes(bytes(data))


def append_raw(sample, *records: tuple[int, bytes]) -> bytes:
    """Return a sample with more records, whatever they say."""
    data = sample.data
    for kind, payload in records:
        data += encode_record(kind, payload, CRC.unpack(data[-4:])[0])
    return data


def test_unknown_event_type(sample, read_bytes):
    """An event of a type that a newer trackhub invented is carried with all its fields."""
    fields = {"event": "moon_rose", "time": 7, "phase": 0.5, "big": 2**90}
    found, damage, _ = read_bytes(append_raw(sample, (EVENT, pack(fields))))
    assert found[-1] == UnknownEvent(time=7, type="moon_rose", fields=fields)
    assert damage == []


def test_unknown_fields(sample, read_bytes):
    """A field that a newer trackhub added to an event is passed over."""
    found, damage, _ = read_bytes(
        append_raw(sample, (EVENT, pack({"event": "tags_set", "time": 7, "tags": {}, "x": 1})))
    )
    assert found[-1] == TagsSet(time=7, tags={})
    assert damage == []


def test_event_of_another_shape(sample, read_bytes):
    """A known event whose field changed its type is carried as an unknown one."""
    found, _, _ = read_bytes(append_raw(sample, (EVENT, pack({"event": "tags_set", "time": 7, "tags": [1]}))))
    assert isinstance(found[-1], UnknownEvent)


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        (EVENT, b"\xc1", "cannot be read"),
        (EVENT, b"", "cannot be read"),
        (EVENT, pack({"event": "tags_set", "time": "now"}), "cannot be read"),
        (EVENT, pack([1, 2]), "cannot be read"),
        (EVENT, b"\x91" * 5000 + b"\x01", "cannot be read"),
        (EVENT, b"\x81\x91\x01\x01", "cannot be read"),
        (EVENT, b"\x81\xa4time\xc7\x03\x01xyz", "cannot be read"),
        (1, b"\xc0", "a layout cannot be read"),
        (1, pack([16, "", ["a"], ["new"]]), "unknown column code"),
        (2, b"", "a record of the unknown type 2"),
        (15, b"abc", "a record of the unknown type 15"),
        (4000, bytes(24), "a row whose layout was lost"),
        (16, b"", "a row of another length than its layout"),
    ],
)
def test_record_that_says_nothing_usable(sample, read_bytes, kind, payload, reason):
    """A record that verifies but cannot be understood is reported, and reading goes on."""
    after = (EVENT, pack(TagsSet(time=9, tags={})))
    found, damage, _ = read_bytes(append_raw(sample, (kind, payload), after))
    assert found == [*sample.events, TagsSet(time=9, tags={})]
    assert len(damage) == 1
    assert reason in damage[0].reason
    assert (damage[0].offset, damage[0].length) == (len(sample.data), len(payload) + 12)


def test_layout_lost(tmp_path, new_header, read_bytes):
    """Rows whose layout was destroyed are reported one by one; those of other layouts are read."""
    writer = JournalWriter(tmp_path, lambda: new_header(writer="w"))
    writer.row({"a": 1.0}, 0)
    size = writer.end
    writer.row({"b": 2.0}, 0)  # its layout is declared at this offset
    for step in range(1, 5):
        writer.row({"a": 1.0}, step)
        writer.row({"b": 2.0}, step)
    writer.close()
    data = bytearray((tmp_path / "w.seg").read_bytes())
    data[size + 8 : size + 14] = b"\xff" * 6
    found, damage, _ = read_bytes(bytes(data))
    assert [(event.metrics, event.step) for event in found] == [({"a": 1.0}, step) for step in range(5)]
    assert [item.reason for item in damage] == ["does not verify"] + ["a row whose layout was lost"] * 5


@pytest.mark.parametrize("field", [0, 1, 11, 13, 2**16, 2**20, 2**28, 2**28 + 1, 2**31, 2**32 - 1])
def test_wrong_length(tmp_path, new_header, read_bytes, field):
    """A length that is wrong in many bits loses one record, whatever it says."""
    data, events = long_segment(tmp_path, new_header, 8000)
    at = 5 + next(i for i in range(5000, 6000) if HEAD.unpack_from(data, i) == (52, 16))
    at -= 5
    changed = bytearray(data)
    struct.pack_into("<I", changed, at, field ^ 0b11)
    found, damage, _ = read_bytes(bytes(changed))
    assert len(found) == len(events) - 1
    assert [(item.offset, item.length) for item in damage] == [(at, 52)]


def test_memory_is_bounded(tmp_path, new_header):
    """A long segment is read in windows, one with a flipped length too."""
    data, events = long_segment(tmp_path, new_header, 40_000)
    changed = bytearray(data)
    at = next(i for i in range(5000, 6000) if HEAD.unpack_from(data, i) == (52, 16))
    changed[at + 3] ^= 0x02  # a record of 32 MB
    (tmp_path / "long.seg").write_bytes(changed)
    reader = SegmentReader(tmp_path / "long.seg")
    tracemalloc.start()
    count = sum(1 for _ in reader.records())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == len(events)
    assert [item.offset for item in reader.damage] == [at + 3]
    assert peak < 1_500_000 < len(data)


@pytest.mark.parametrize("size", [100, 262_100, 262_144, 1_000_000])
def test_event_larger_than_a_window(tmp_path, new_header, read, size):
    """Events of any size are read, wherever a window ends."""
    writer = JournalWriter(tmp_path, lambda: new_header(writer="w"))
    events = [TagsSet(time=time, tags={"text": "y" * (size + time)}) for time in range(5)]
    for event in events:
        writer.append(event)
    writer.close()
    found, damage, _ = read(tmp_path / "w.seg")
    assert found == events
    assert damage == []


def test_seek(sample, tmp_path):
    """A reader that begins at any record's end yields exactly what comes after it."""
    path = tmp_path / "a.seg"
    path.write_bytes(sample.data)
    for end in [0, sample.begins, *sample.ends]:
        reader = SegmentReader(path)
        reader.seek(end)
        assert [record.event for record in reader.records()] == sample.events[len(whole(sample, end)) :]


def test_stopping_anywhere(sample, tmp_path):
    """A reader whose taker stops after each record loses none and repeats none."""
    path = tmp_path / "a.seg"
    path.write_bytes(sample.data)
    reader = SegmentReader(path)
    taken = []
    while (record := next(reader.records(), None)) is not None:
        taken.append(record.event)
    assert taken == sample.events


def test_missing_file(tmp_path):
    """A segment that is not there yet has no records."""
    reader = SegmentReader(tmp_path / "none.seg")
    reader.seek(100)
    assert list(reader.records()) == []


def test_metrics_as_an_event(sample, read_bytes):
    """Metrics that were stored as an event, not as a row, are read too."""
    event = MetricsLogged(time=3, metrics={"a": 1, "b": 2.5}, step=4)
    found, _, _ = read_bytes(append_raw(sample, (EVENT, pack(event))))
    assert found[-1] == event
