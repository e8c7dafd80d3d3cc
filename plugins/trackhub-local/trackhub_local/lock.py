"""Let one process at a time write a run's folder; the system frees the lock of one that dies."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from trackhub.errors import RetryLater

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE_S = 20.0
_PAUSE_S = 0.01
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextlib.contextmanager
def locked(
    path: Path, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold a lock file; other processes, and other backends of this one, wait for it.

    :raises RetryLater: another process holds it for longer than a hook should wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        until = clock() + PATIENCE_S
        while not _taken(descriptor):
            if clock() >= until:
                raise RetryLater(f"{path.parent.parent}: another process writes there, for {PATIENCE_S:g} s now")
            sleep(_PAUSE_S)
        try:
            yield
        finally:
            _free(descriptor)
    finally:
        os.close(descriptor)


def _free(descriptor: int) -> None:
    # Said out loud, as a child that was forked meanwhile holds the same file open.
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _taken(descriptor: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt  # noqa: PLC0415  only Windows has it

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True
