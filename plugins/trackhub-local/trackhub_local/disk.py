"""Put bytes onto a disk so that nobody ever finds half a file, and say what is wrong with the disk otherwise."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from trackhub.errors import RetryLater

OWN = ".trackhub"
"""The folder inside a run's folder that holds what people need not see."""
_ADVICE = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "the quota is used up: make room",
    errno.EACCES: "it may not be written or read: change its mode or its owner",
    errno.EPERM: "it may not be changed: change its mode or its owner",
    errno.EROFS: "the disk is read-only: mount it for writing",
    errno.ENOENT: "it is not there: mount the disk, or put it back",
    errno.ENOTDIR: "a file stands where a folder is needed: move it away",
    errno.EISDIR: "a folder stands where a file is needed: move it away",
    errno.ENOLCK: "this file system has no locks: deliver to a local disk, and copy the folder",
    errno.EOPNOTSUPP: "this file system lacks locks: deliver to a local disk, and copy the folder",
    errno.ENAMETOOLONG: "the path is too long: deliver to a folder nearer to the root",
}

_NOTHING_TO_DO = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
"""What file systems say of a folder that they keep by themselves."""


@contextlib.contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Say of a disk that fails what failed, where, and what to do; everything can be tried again then.

    :raises RetryLater: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        place = error.filename or path
        said = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise RetryLater(f"{os.fsdecode(place) if isinstance(place, bytes | str) else place}: {said}") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes a path's place, whole and on the disk, once it is left without an error."""
    scratch = _scratch(path)
    file = scratch.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
    sync_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Put bytes in a file's place."""
    with replacing(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOTHING_TO_DO:
            raise
    finally:
        os.close(descriptor)


def signature(*paths: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """Return what changes when another process writes one of these files."""
    return tuple(map(_signature, paths))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        said = path.stat()
    except FileNotFoundError:
        return None
    return said.st_ino, said.st_size, said.st_mtime_ns


def sweep(run_folder: Path) -> None:
    """Remove what processes that were killed left half-written; nobody else may be writing."""
    scratch = run_folder / OWN / "scratch"
    with contextlib.suppress(FileNotFoundError):
        for path in scratch.iterdir():
            path.unlink()


def _scratch(path: Path) -> Path:
    """Return a place on the same disk that nobody looks at."""
    run_folder = next((parent for parent in path.parents if (parent / OWN).is_dir()), path.parent)
    folder = run_folder / OWN / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / secrets.token_hex(8)
