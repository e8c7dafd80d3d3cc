"""Stores that are full, limited or read-only: nothing acknowledged is lost, and writing goes on later."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trackhub.errors import StoreError
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import MetricsLogged, TagsSet

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and mounts as Linux has them")


@pytest.fixture
def limit():
    """Return a setter of the largest size a file of this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def write_on(writer, acknowledged: list[int]) -> None:
    """Write rows until one fails, and say which ones were taken."""
    while True:
        writer.row({"a": 0.5}, len(acknowledged))
        acknowledged.append(len(acknowledged))


@pytest.mark.parametrize("room", [*range(1, 45), 90, 200])
def test_row_that_does_not_fit(writer, folder, read, limit, room):
    """Where half a row fits, none of it stays; what was acknowledged is read, and later rows follow."""
    writer.row({"a": 0.5}, 0)
    limit(writer.end + room)
    acknowledged = [0]
    with pytest.raises(StoreError, match="what was acknowledged is safe"):
        write_on(writer, acknowledged)
    failed = len(acknowledged)
    (path,) = folder.segments()
    found = read(path)
    assert [event.step for event in found.events] == acknowledged
    assert found.reader.tail() is None
    assert path.stat().st_size == writer.end
    for _ in range(3):
        with pytest.raises(StoreError):
            writer.append(TagsSet(time=1, tags={"a": "x" * 100}))
        with pytest.raises(StoreError):
            writer.row({"new": 1.0, "names": 2.0}, 0)
    limit(-1)
    writer.row({"a": 0.5}, failed)
    writer.row({"new": 1.0, "names": 2.0}, failed)
    writer.append(TagsSet(time=1, tags={}))
    found = read(path)
    assert [event.step for event in found.events if isinstance(event, MetricsLogged)] == [*acknowledged, failed, failed]
    assert found.damage == []


@pytest.mark.parametrize("room", range(0, 170, 3))
def test_segment_that_does_not_fit(writer, folder, read, limit, room):
    """A segment whose header or layout finds no room leaves nothing that hinders the next one."""
    limit(room)
    try:
        writer.row({"a": 0.5}, 0)
        kept = [0]
    except StoreError:
        kept = []
    limit(-1)
    writer.row({"a": 0.5}, 1)
    (path,) = folder.segments()
    found = read(path)
    assert [event.step for event in found.events] == [*kept, 1]
    assert found.damage == []


def test_short_write(writer, folder, read, monkeypatch):
    """A write that takes only part of a row is a full disk, and is undone."""
    real = os.write
    writer.row({"a": 0.5}, 0)
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:10]))
    for _ in range(2):
        with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)):
            writer.row({"a": 0.5}, 1)
        with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)):
            writer.append(TagsSet(time=1, tags={}))
    monkeypatch.undo()
    writer.row({"a": 0.5}, 2)
    found = read(folder.segments()[0])
    assert [event.step for event in found.events] == [0, 2]
    assert found.damage == []


def test_disk_that_cannot_even_be_looked_at(writer, folder, read, monkeypatch):
    """A disk that fails altogether says so; once it is back, what was torn is undone first."""
    real = os.write

    def torn(fd, data):
        real(fd, data[:10])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def fail(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer.row({"a": 0.5}, 0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", torn)
        patch.setattr(os, "fstat", fail)
        for _ in range(2):
            with pytest.raises(StoreError, match=os.strerror(errno.EIO)):
                writer.row({"a": 0.5}, 1)
    writer.row({"a": 0.5}, 2)
    found = read(folder.segments()[0])
    assert [event.step for event in found.events] == [0, 2]
    assert found.damage == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_dev_full(writer):
    """The real error of a full device is told with the folder and what to do."""
    writer.row({"a": 0.5}, 0)
    fd = os.open("/dev/full", os.O_WRONLY)
    os.dup2(fd, writer._fd)
    os.close(fd)
    with pytest.raises(StoreError, match=f"{writer._folder}: No space left .* Free some space") as caught:
        writer.row({"a": 0.5}, 1)
    assert isinstance(caught.value.__cause__, OSError)


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of 128 kB, where mounting is permitted."""
    place = tmp_path / "small disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("mounting is not permitted")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_small_file_system(small_disk, new_header, read):
    """On a file system that is full, all that was acknowledged is read; once there is space, writing goes on."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    writer = JournalWriter(small_disk, lambda: new_header(writer="w"))
    acknowledged: list[int] = []
    with pytest.raises(StoreError, match="No space left"):
        write_on(writer, acknowledged)
    step = len(acknowledged)
    assert step > 500
    assert [event.step for event in read(small_disk / "w.seg").events] == list(range(step))
    ballast.unlink()
    for more in range(step, step + 200):
        writer.row({"a": 0.5}, more)
    found = read(small_disk / "w.seg")
    assert [event.step for event in found.events] == list(range(step + 200))
    assert found.damage == []
    assert found.reader.tail() is None
    writer.close()


def test_artifact_on_a_small_file_system(small_disk):
    """An artifact that finds no room is refused, and its half copy is removed."""
    store = ArtifactStore(small_disk / "artifacts")
    with pytest.raises(StoreError, match=r"No space left .* nothing of 'big' was kept"):
        store.keep_bytes(bytes(1 << 20), "big")
    assert list((small_disk / "artifacts").iterdir()) == []
    assert store.keep_bytes(b"small", "small").size == 5


def test_read_only_file_system(small_disk, new_header, read):
    """A file system that turns read-only says so, and keeps what was acknowledged."""
    writer = JournalWriter(small_disk, lambda: new_header(writer="w"))
    writer.row({"a": 0.5}, 0)
    writer.close()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"tmpfs", os.fsencode(small_disk), None, 1 | 32, None) == 0  # MS_RDONLY, MS_REMOUNT
    with pytest.raises(StoreError, match="Read-only file system"):
        JournalWriter(small_disk, new_header).row({"a": 0.5}, 1)
    with pytest.raises(StoreError, match="Read-only file system"):
        ArtifactStore(small_disk).keep_bytes(b"x", "x")
    assert [event.step for event in read(small_disk / "w.seg").events] == [0]
