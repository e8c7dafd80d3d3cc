"""Check frames against TensorBoard's and tensorboardX's own, and against every kind of damage."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New, masked_crc32c
from tensorboardX.record_writer import RecordWriter
from trackhub_tensorboard import framing
from trackhub_tensorboard.framing import Damage, frame_at, framed, frames, masked

PAYLOADS = st.lists(st.binary(max_size=40), max_size=8)


def read(data, start=0):
    damages: list[Damage] = []
    return [payload for _, payload in frames(io.BytesIO(data), start, damages)], damages


@given(st.binary(max_size=100))
def test_the_checksum_is_tensorboards(data):
    """Ours is quicker, and the same."""
    assert masked(data) == masked_crc32c(data)


@given(PAYLOADS)
def test_tensorboard_reads_our_frames(tmp_path_factory, payloads):
    """TensorBoard's own reader finds each payload."""
    path = tmp_path_factory.mktemp("frames") / "file"
    path.write_bytes(b"".join(map(framed, payloads)))
    reader, held = PyRecordReader_New(str(path)), []
    for _ in payloads:
        reader.GetNext()
        held.append(reader.record())
    assert held == payloads


def test_tensorboardx_frames_are_read(tmp_path):
    """What another writer framed is found."""
    writer = RecordWriter(str(tmp_path / "file"))
    payloads = [b"", b"a", b"b" * 1000]
    for payload in payloads:
        writer.write(payload)
    writer.close()
    assert read((tmp_path / "file").read_bytes()) == (payloads, [])


@given(PAYLOADS, st.data())
def test_a_torn_end_hides_nothing_before_it(payloads, data):
    """Cut at any byte, a file holds the frames that are whole, and says where the rest begins."""
    whole = b"".join(map(framed, payloads))
    cut = data.draw(st.integers(0, len(whole)))
    held, damages = read(whole[:cut])
    bounds = [sum(len(framed(one)) for one in payloads[:count]) for count in range(len(payloads) + 1)]
    count = max(index for index, bound in enumerate(bounds) if bound <= cut)
    assert held == payloads[:count]
    assert damages == ([Damage(bounds[count], framing.TORN, cut - bounds[count])] if cut > bounds[count] else [])


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.data())
def test_a_flipped_bit_costs_its_record(payloads, data):
    """Within a payload, the record is left out; within a length, what is behind it too; both are told."""
    whole = bytearray(b"".join(map(framed, payloads)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    held, damages = read(bytes(whole))
    bounds = [sum(len(framed(one)) for one in payloads[:count]) for count in range(len(payloads) + 1)]
    hit = max(index for index, bound in enumerate(bounds) if bound <= at)
    assert held in (payloads[:hit], payloads[:hit] + payloads[hit + 1 :])
    assert [damage.offset for damage in damages] == [bounds[hit]]


@pytest.mark.parametrize("size", [0, 1, 100])
def test_frames_that_cross_the_window(monkeypatch, size):
    """Records that are larger than what is read at once, and such that lie across its end, are found."""
    monkeypatch.setattr(framing, "_CHUNK", 64)
    payloads = [bytes([number]) * (size * number % 300) for number in range(50)]
    whole = b"".join(map(framed, payloads))
    assert read(whole) == (payloads, [])
    assert read(whole[:-1])[0] == payloads[:-1]


@given(PAYLOADS)
def test_one_frame_at_a_time(payloads):
    """Reading single frames finds what reading all does."""
    whole = b"".join(map(framed, payloads))
    at, held = 0, []
    while at < len(whole):
        at, payload = frame_at(io.BytesIO(whole), at, len(whole))
        held.append(payload)
    assert held == payloads
