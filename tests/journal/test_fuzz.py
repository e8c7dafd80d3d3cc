"""Segments changed at random: whatever bytes come, what is read was written, or is reported."""

from __future__ import annotations

import random
import struct
import time
from bisect import bisect_right
from collections import Counter
from typing import NamedTuple

import msgspec
import pytest

from trackhub.errors import JournalError
from trackhub.journal.reader import SegmentReader
from trackhub.journal.segment import CRC, PREFIX
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import ParamsLogged, RunEnded, TagsSet

LENGTHS = (0, 1, 11, 12, 13, 20, 255, 256, 2**16, 2**20, 2**28 - 1, 2**28, 2**31 - 1, 2**31, 2**32 - 1)


class Original(NamedTuple):
    """Hold a real segment, with the keys of its events and where the record of each ends."""

    data: bytes
    keys: list[str]
    ends: list[int]


def key(event) -> str:
    """Return a text that only the same event has; NaN is the same as NaN."""
    return repr(msgspec.to_builtins(event))


@pytest.fixture(scope="module")
def segments(tmp_path_factory, new_header, sample):
    """Return real segments of several kinds."""
    folder = tmp_path_factory.mktemp("fuzz")

    def few(writer):
        writer.row_at(1, {"a": 1.0}, 1)

    def rows(writer):
        for step in range(25):
            writer.row_at(100 + step, {"loss": 0.5 * step, "acc": 0.25}, step)

    def mixed(writer):
        for step in range(12):
            writer.row_at(step, {"loss": 0.5} if step % 3 else {"n": step, "ok": True}, step)
            if step % 4 == 0:
                writer.append(TagsSet(time=step, tags={"step": str(step), "é": "✓"}))
        writer.row_at(50, {"big": 2**100 + 7}, None)

    def events(writer):
        writer.append(ParamsLogged(time=1, params={"lr": 0.1, "deep": {"a": [1, 2, None]}, "zeros": "\0" * 100}))
        writer.append(TagsSet(time=2, tags={"text": "x" * 300}))
        writer.append(RunEnded(time=3, status="failed", attempt="w", reason="Traceback ..."))

    (folder / "sample.seg").write_bytes(sample.data)
    for fill in (few, rows, mixed, events):
        writer = JournalWriter(folder, lambda fill=fill: new_header(writer=fill.__name__))
        fill(writer)
        writer.close()
    found = []
    for path in sorted(folder.iterdir()):
        records = list(SegmentReader(path).records())
        found.append(Original(path.read_bytes(), [key(event) for event, _ in records], [end for _, end in records]))
    return found


def flip(rng, data, segments):
    """Flip a few bits."""
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(rng, data, segments):
    """Overwrite a block with zeros, ones, noise or a piece of itself."""
    at = rng.randrange(len(data))
    size = rng.choice((1, 2, 4, 8, 16, 64, 256))
    origin = rng.randrange(len(data))
    data[at : at + size] = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size), data[origin : origin + size]))


def remove(rng, data, segments):
    """Remove a block."""
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 4, 12, 50, 300))]


def duplicate(rng, data, segments):
    """Repeat a block, there or elsewhere."""
    at = rng.randrange(len(data))
    block = data[at : at + rng.choice((1, 8, 52, 200, 1000))]
    place = rng.choice((at, rng.randrange(len(data) + 1)))
    data[place:place] = block * rng.choice((1, 1, 2, 5))


def swap(rng, data, segments):
    """Swap two blocks that follow one another."""
    one, two, three = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    data[one:three] = data[two:three] + data[one:two]


def truncate(rng, data, segments):
    """Cut the end off, and perhaps put zeros there."""
    at = rng.randrange(len(data) + 1)
    size = len(data) - at
    data[at:] = rng.choice((b"", bytes(size), bytes(5000)))


def splice(rng, data, segments):
    """Insert a piece of another segment."""
    other = rng.choice(segments).data
    at = rng.randrange(len(other))
    place = rng.randrange(len(data) + 1)
    data[place:place] = other[at : at + rng.choice((12, 60, 400, 3000))]


def attack(rng, data, segments):
    """Write a treacherous length, type or count over four bytes."""
    at = rng.randrange(max(1, len(data) - 4))
    data[at : at + 4] = struct.pack("<I", rng.choice(LENGTHS))


MUTATIONS = (flip, flip, overwrite, remove, duplicate, swap, truncate, splice, attack)


def campaign(seed: int, inputs: int, segments, read_bytes) -> Counter:
    """Read many changed segments, and return what became of them.

    What must hold for each: nothing is raised but JournalError, and that only where the beginning
    changed; it ends soon; every event read is one that some segment held; what stands before the
    first changed byte is read in full; and where an event is missing, doubled or moved, there is
    damage, or a tail, that says so.
    """
    rng = random.Random(seed)
    seen = Counter()
    known = {text for original in segments for text in original.keys}
    for number in range(inputs):
        original = rng.choice(segments)
        data = bytearray(original.data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            if data:
                rng.choice(MUTATIONS)(rng, data, segments)
        pairs = enumerate(zip(original.data, data, strict=False))
        same = next((at for at, (a, b) in pairs if a != b), min(len(original.data), len(data)))
        began = time.perf_counter()
        try:
            found, damage, reader = read_bytes(bytes(data))
        except JournalError:
            assert same < PREFIX.size + PREFIX.unpack_from(original.data)[3] + CRC.size, number
            seen["refused"] += 1
            continue
        assert time.perf_counter() - began < 5, number
        keys = [key(event) for event in found]
        assert {*keys} <= known, number
        before = original.keys[: bisect_right(original.ends, same)]
        assert keys[: len(before)] == before, number
        if damage:
            seen["reported"] += 1
        elif reader.tail() is not None:
            seen["torn"] += 1
        else:
            # Nothing is said where nothing is wrong: all is as it was, up to a record's end.
            assert keys == before, number
            seen["whole"] += 1
    return seen


def test_fuzz(segments, read_bytes):
    """Twenty thousand changed segments raise nothing, hang nowhere and say nothing that was not written."""
    seen = campaign(1, 20_000, segments, read_bytes)
    assert seen["reported"] > 10_000
    assert seen["torn"] > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(2, 12))
def test_fuzz_long(segments, read_bytes, seed):
    """Half a million changed segments do as well."""
    assert campaign(seed, 50_000, segments, read_bytes)["reported"] > 25_000
