"""Files and texts kept under their digest, once, whatever happens meanwhile."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
from pathlib import Path

import pytest

from trackhub.errors import StoreError
from trackhub.journal import artifacts
from trackhub.journal.artifacts import ArtifactStore
from trackhub.model.events import FileEntry


def sha(data: bytes) -> str:
    """Return the digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def names(place: Path) -> list[str]:
    """Return what lies in the store."""
    return [path.name for path in place.iterdir()]


@pytest.fixture
def place(tmp_path) -> Path:
    """Return the folder of the store, not made yet."""
    return tmp_path / "run" / "artifacts"


@pytest.fixture
def store(place) -> ArtifactStore:
    """Return a store."""
    return ArtifactStore(place)


@pytest.fixture
def source(tmp_path) -> Path:
    """Return a folder for the user's files."""
    folder = tmp_path / "user's files ✓"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000])
def test_file(store, source, size):
    """A file is kept whole, under its digest, with its own name."""
    data = os.urandom(size)
    (source / "model.pt").write_bytes(data)
    assert store.keep(source / "model.pt") == (FileEntry(path="model.pt", sha256=sha(data), size=size),)
    assert store.locate(sha(data)).read_bytes() == data


def test_folder(store, source):
    """Every file below a folder is kept, with paths that are sorted and have slashes."""
    (source / "b" / "deep").mkdir(parents=True)
    (source / "b" / "deep" / "z.txt").write_text("z")
    (source / "b.txt").write_text("b")
    (source / "ä b.txt").write_text("")
    (source / ".hidden").write_text("h")
    entries = store.keep(source)
    assert [entry.path for entry in entries] == [".hidden", "b.txt", "b/deep/z.txt", "ä b.txt"]
    assert [store.locate(entry.sha256).read_text() for entry in entries] == ["h", "b", "z", ""]


def test_same_content_once(store, source, place):
    """The same content lies there once, from whatever file and however often."""
    for name in ("a", "b", "c"):
        (source / name).write_text("same")
    for _ in range(2):
        assert {entry.sha256 for entry in store.keep(source)} == {sha(b"same")}
    assert store.keep_bytes(b"same", "text").sha256 == sha(b"same")
    assert names(place) == [sha(b"same")]


def test_bytes(store):
    """Bytes at hand are kept under a name."""
    assert store.keep_bytes(b"Traceback", "traceback.txt") == FileEntry("traceback.txt", sha(b"Traceback"), 9)
    assert store.locate(sha(b"Traceback")).read_bytes() == b"Traceback"


def test_empty_folders(store, source):
    """A folder without files has no entry."""
    (source / "empty" / "deeper").mkdir(parents=True)
    assert store.keep(source) == ()
    (source / "file").write_text("x")
    assert [entry.path for entry in store.keep(source)] == ["file"]


def test_links(store, source, tmp_path):
    """Links are followed to files and to folders, but not round in a circle."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data").write_text("d")
    (source / "file").symlink_to(elsewhere / "data")
    (source / "folder").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(source)
    (source / "self").symlink_to(".")
    assert [entry.path for entry in store.keep(source)] == ["file", "folder/data"]
    assert store.keep(source / "file")[0].path == "file"


def test_link_that_leads_nowhere(store, source, place):
    """A link without an end is an error, and nothing is written."""
    (source / "a").write_text("a")
    (source / "b").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match=r"a link that leads nowhere.*/b"):
        store.keep(source)
    (source / "b").unlink()
    (source / "b").symlink_to("b")
    with pytest.raises(FileNotFoundError, match="a link that leads nowhere"):
        store.keep(source)
    assert not place.exists()


@pytest.mark.parametrize("name", ["none", "none/below", "file/below"])
def test_nothing_there(store, source, place, name):
    """A path where nothing is raises, names it, and nothing is written."""
    (source / "file").write_text("x")
    with pytest.raises(FileNotFoundError, match=f"no such file or folder.*{name}"):
        store.keep(source / name)
    assert not place.exists()


def test_special_files(store, source, place, tmp_path, monkeypatch):
    """A pipe, a socket or a device is refused at once, alone or in a folder, and nothing is written."""
    (source / "a").write_text("a")
    os.mkfifo(source / "pipe")
    with pytest.raises(ValueError, match=r"pipe.* is no file"):
        store.keep(source)
    with pytest.raises(ValueError, match="is no file"):
        store.keep(source / "pipe")
    with pytest.raises(ValueError, match="is no file"):
        store.keep(Path("/dev/null"))
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        with pytest.raises(ValueError, match="is no file"):
            store.keep(Path("s"))
    assert not place.exists()


def test_name_that_is_no_text(store, source, place):
    """A file name that is not UTF-8 is refused, and nothing is written."""
    Path(os.fsdecode(os.fsencode(source) + b"/\xff")).write_text("x")
    with pytest.raises(ValueError, match="lone surrogate"):
        store.keep(source)
    assert not place.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_file_that_cannot_be_read(store, source):
    """A file that cannot be read raises as itself."""
    (source / "a").write_text("a")
    (source / "a").chmod(0)
    with pytest.raises(PermissionError):
        store.keep(source / "a")


def test_own_folder(store, source):
    """A folder that holds the store does not swallow the store itself."""
    (source / "train.py").write_text("x")
    inner = ArtifactStore(source / ".trackhub" / "artifacts")
    for _ in range(2):
        assert [entry.path for entry in inner.keep(source)] == ["train.py"]


def test_current_folder(store, source, monkeypatch):
    """Relative paths work, the current folder among them."""
    (source / "a").write_text("a")
    monkeypatch.chdir(source)
    assert [entry.path for entry in store.keep(Path())] == ["a"]
    assert [entry.path for entry in store.keep(Path("a"))] == ["a"]


def test_file_that_changes_meanwhile(store, source, monkeypatch):
    """When a file changes while it is copied, the digest is of what was stored."""
    path = source / "growing"
    path.write_bytes(bytes(3 << 20))
    real = artifacts._read

    def read(opened):
        chunk = real(opened)
        with path.open("r+b") as file:
            file.write(b"changed")
            file.seek(0, os.SEEK_END)
            if file.tell() < 5 << 20:
                file.write(b"more" * 100_000)
        return chunk

    monkeypatch.setattr(artifacts, "_read", read)
    (entry,) = store.keep(path)
    kept = store.locate(entry.sha256).read_bytes()
    assert (sha(kept), len(kept)) == (entry.sha256, entry.size)
    assert entry.size > 3 << 20


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here that opens but cannot be read")
def test_source_that_fails(store, place):
    """A source that fails in the middle raises as itself, and its half copy is removed."""
    with pytest.raises(OSError, match="Input/output error") as caught:
        store.keep(Path("/proc/self/mem"))
    assert caught.value.errno == errno.EIO
    assert names(place) == []


def test_interrupted(store, source, place, monkeypatch):
    """An interrupt in the middle leaves no half copy."""

    def interrupt(opened):
        raise KeyboardInterrupt

    (source / "a").write_text("a")
    monkeypatch.setattr(artifacts, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.keep(source / "a")
    assert names(place) == []


def test_reflink(store, source, place, monkeypatch):
    """Where the file system shares blocks, nothing is copied, and the digest is of the shared copy."""
    data = os.urandom(100_000)
    (source / "a").write_bytes(data)

    def clone(target, request, origin):
        assert request == 0x40049409
        os.pwrite(target, os.pread(origin, 1 << 20, 0), 0)
        return 0

    monkeypatch.setattr(artifacts, "ioctl", clone)
    monkeypatch.setattr(artifacts, "_read", None)
    assert store.keep(source / "a") == (FileEntry("a", sha(data), len(data)),)
    assert store.locate(sha(data)).read_bytes() == data


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY])
def test_no_reflink(store, source, monkeypatch, number):
    """Where it cannot share blocks, a copy is made."""

    def refuse(*args):
        raise OSError(number, os.strerror(number))

    (source / "a").write_text("a")
    monkeypatch.setattr(artifacts, "ioctl", refuse)
    assert store.keep(source / "a")[0].sha256 == sha(b"a")
    monkeypatch.setattr(artifacts, "ioctl", None)
    (source / "b").write_text("b")
    assert store.keep(source / "b")[0].sha256 == sha(b"b")
    assert fcntl.ioctl is not None


def test_no_space(store, source, place, monkeypatch):
    """A full disk is the store's error, and the half copy is removed."""

    def fill(source, target):
        target.write(bytes(1000))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (source / "a").write_text("a")
    monkeypatch.setattr(artifacts, "_copy", fill)
    with pytest.raises(StoreError, match=f"{place}: No space left .* nothing of 'a' was kept"):
        store.keep(source / "a")
    assert names(place) == []


def test_folder_that_cannot_be_made(tmp_path):
    """A store in the place of a file is the store's error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="Not a directory"):
        ArtifactStore(tmp_path / "file" / "artifacts").keep_bytes(b"x", "x")


def test_stored_file_that_lost_its_end(store, place):
    """A stored file that power loss cut short is replaced by the next whole one."""
    entry = store.keep_bytes(b"whole", "a")
    (place / entry.sha256).write_bytes(b"who")
    store.keep_bytes(b"whole", "a")
    assert store.locate(entry.sha256).read_bytes() == b"whole"


def test_durable(place, monkeypatch):
    """With durability="disk", the file and then its folder are on the disk before the call returns."""
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink()) or real(fd))
    entry = ArtifactStore(place, "disk").keep_bytes(b"x", "x")
    assert [path.suffix for path in synced] == [".part", ""]
    assert synced[1] == place
    assert (place / entry.sha256).exists()


@pytest.mark.parametrize("digest", ["", "abc", "../" + "a" * 61, "A" * 64, "g" * 64, "a" * 65])
def test_no_digest(store, digest):
    """What is no digest is refused, so that no path is made of it."""
    with pytest.raises(ValueError, match="is no SHA-256"):
        store.locate(digest)
