"""Several segments read as one stream, from any place, while they grow."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackhub.errors import JournalError
from trackhub.journal.journal import JournalReader, decode_position, encode_position
from trackhub.journal.segment import CRC, MAGIC
from trackhub.journal.store import Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import TagsSet

TIMES = st.lists(st.lists(st.integers(0, 20), max_size=8), max_size=5)


def write(run, times: dict[str, list[int]], new_header) -> None:
    """Write one segment a name, with a row at each of its times."""
    for name, own in times.items():
        writer = JournalWriter(run.journal, lambda name=name: new_header(writer=name))
        for number, time in enumerate(own):
            writer.row_at(time, {name: float(number)}, number)
        writer.close()


def keys(placed) -> list[tuple[str, int]]:
    """Return who wrote each event, and its step there."""
    return [(segment, event.step) for event, segment, _ in placed]


def test_merged_by_time(folder, new_header):
    """Events of several segments come in the order of their times, each segment's as written."""
    write(folder, {"a": [1, 5, 9], "b": [2, 3, 10], "c": [4]}, new_header)
    events = list(JournalReader(folder).events())
    assert [event.time for event, _, _ in events] == [1, 2, 3, 4, 5, 9, 10]


def test_equal_times(folder, new_header):
    """Of equal times, the segment of the first name goes first."""
    write(folder, {"b": [1, 1], "a": [1, 1]}, new_header)
    assert keys(JournalReader(folder).events()) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_times_that_go_back(folder, new_header):
    """Times that go back within a segment do not change what was written first."""
    write(folder, {"a": [5, 1, 9], "b": [2, 6]}, new_header)
    assert keys(JournalReader(folder).events()) == [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("a", 2)]


@given(TIMES, st.lists(st.integers(0, 4), max_size=30))
@settings(max_examples=60, deadline=None)
def test_stopping_and_going_on(new_header, times, stops):
    """However a taker stops and goes on, here or in a new reader, it sees each event once and in order."""
    with tempfile.TemporaryDirectory() as place:
        run = Store(Path(place)).run("p", "0" * 32)
        run.create()
        write(run, {f"w{number}": own for number, own in enumerate(times)}, new_header)
        wanted = list(JournalReader(run).events())
        assert len(wanted) == sum(map(len, times))
        for restart in (False, True):
            reader = JournalReader(run)
            taken = []
            for stop in [*stops, 1000]:
                if restart:
                    reader = JournalReader(run, decode_position(encode_position(reader.position)))
                if stop == 0:
                    continue
                for placed in reader.events():
                    taken.append(placed)
                    if len(taken) % stop == 0:
                        break
            assert taken == wanted
            assert list(reader.events()) == []


def test_position_reaches_the_end(folder, new_header):
    """Once all is read, the position names the end of every segment, layouts included."""
    write(folder, {"a": [1], "b": [2, 3]}, new_header)
    reader = JournalReader(folder)
    list(reader.events())
    assert reader.position == {path.stem: path.stat().st_size for path in folder.segments()}


def test_position_between_a_layout_and_its_row(folder, new_header):
    """A reader that begins right after a layout reads the row that follows it."""
    writer = JournalWriter(folder.journal, lambda: new_header(writer="a"))
    writer.append(TagsSet(time=1, tags={}))
    layout = writer._layout({"x": 0.5}, None)
    reader = JournalReader(folder)
    assert len(list(reader.events())) == 1
    assert reader.position == {"a": writer.end}
    writer._write_row(layout, 2, {"x": 0.5}, None)
    writer.close()
    again = JournalReader(folder, reader.position)
    assert [placed.event.metrics for placed in again.events()] == [{"x": 0.5}]
    assert [placed.event.metrics for placed in reader.events()] == [{"x": 0.5}]


def test_following(folder, new_header):
    """A reader sees what is written after it began, in segments that begin later too."""
    reader = JournalReader(folder)
    assert list(reader.events()) == []
    write(folder, {"a": [1, 2]}, new_header)
    assert keys(reader.events()) == [("a", 0), ("a", 1)]
    write(folder, {"b": [1]}, new_header)
    writer = JournalWriter(folder.journal, lambda: new_header(writer="c"))
    writer.row_at(3, {"c": 1.0}, 0)
    assert keys(reader.events()) == [("b", 0), ("c", 0)]
    writer.row_at(4, {"c": 1.0}, 1)
    assert keys(reader.events()) == [("c", 1)]
    writer.close()
    assert set(reader.headers) == {"a", "b", "c"}


def test_until(folder, new_header):
    """Only what lies before a given place is yielded; the rest comes the next time."""
    write(folder, {"a": [1, 3], "b": [2, 4]}, new_header)
    reader = JournalReader(folder)
    events = reader.events()
    next(events)
    next(events)
    until = dict(reader.position)
    other = JournalReader(folder)
    assert keys(other.events(until)) == [("a", 0), ("b", 0)]
    assert keys(other.events({})) == []
    assert keys(other.events()) == [("a", 1), ("b", 1)]


def test_no_segments(folder, tmp_path):
    """A run without segments, or without a folder, has no events."""
    assert list(JournalReader(folder).events()) == []
    assert list(JournalReader(Store(tmp_path).run("none", "0" * 32)).events()) == []


def test_damage_of_all_segments(folder, new_header):
    """Damage is reported with the segment it is in, and hides nothing of the others."""
    write(folder, {"a": [1, 2, 3], "b": [1, 2, 3]}, new_header)
    path = folder.journal / "a.seg"
    data = bytearray(path.read_bytes())
    data[-20] ^= 0xFF
    data[-50] ^= 0xFF
    path.write_bytes(data)
    reader = JournalReader(folder)
    assert len(list(reader.events())) in {4, 5}
    assert {damage.segment for damage in reader.damage} <= {"a.seg"}


def test_unreadable_segment(folder, new_header):
    """A file that is no segment, or of a newer format, is damage that hides no other segment."""
    write(folder, {"a": [1, 2]}, new_header)
    (folder.journal / "b.seg").write_bytes(b"PK" + bytes(50))
    data = bytearray((folder.journal / "a.seg").read_bytes())
    data[len(MAGIC)] = 7
    from trackhub.journal.segment import PREFIX

    end = PREFIX.size + PREFIX.unpack_from(data)[3]
    from zlib import crc32

    CRC.pack_into(data, end, crc32(data[:end]))
    (folder.journal / "c.seg").write_bytes(data)
    reader = JournalReader(folder)
    assert len(list(reader.events())) == 2
    assert len(list(reader.events())) == 0
    assert {damage.segment: damage.reason.split(",")[0] for damage in reader.damage} == {
        "b.seg": "not a journal segment: the first bytes differ",
        "c.seg": "journal format 7",
    }


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**63 - 1)))
def test_position_as_text(position):
    """A position comes back from its text, which is the same for the same place."""
    text = encode_position(position)
    assert decode_position(text) == position
    assert encode_position(dict(reversed(position.items()))) == text


@pytest.mark.parametrize("text", ["", "x", "[]", "12", '{"a": "b"}', '{"a": null}'])
def test_text_from_elsewhere(text):
    """Text that is no position names the beginning."""
    assert decode_position(text) == {}


def test_a_segment_raises_by_itself(tmp_path):
    """A single segment that cannot be read raises; only the journal goes on without it."""
    from trackhub.journal.reader import SegmentReader

    (tmp_path / "b.seg").write_bytes(b"PK" + bytes(50))
    with pytest.raises(JournalError):
        list(SegmentReader(tmp_path / "b.seg").records())
