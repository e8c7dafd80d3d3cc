"""Let one process at a time deliver a run to a destination.

The lock is a POSIX record lock: the kernel drops it when its holder dies, so a stale one never
stays, on NFS neither; and a forked child does not inherit it. The kernel drops it, too, when its
holder closes *any* descriptor of the file. So a process never opens a file that it holds, and who
holds it is written into another file, beside.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import TypeAlias

import msgspec

try:
    import fcntl
except ImportError:  # Windows: the file's exclusive opening must do
    fcntl = None  # type: ignore[assignment]

_File: TypeAlias = tuple[int, int]

_held: set[_File] = set()
_guard = threading.Lock()  # a record lock does not keep out another thread of the same process


def _begin_anew() -> None:
    """Hold nothing, as a forked child does."""
    global _guard  # noqa: PLW0603 - another thread of the parent may have held it
    _guard = threading.Lock()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class RunLock:
    """Hold a lock file; :meth:`take` it, then :meth:`release` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._pid = 0
        self._key: _File = (0, 0)

    def take(self) -> bool:
        """Return whether the lock is ours now.

        :raises OSError: the lock file cannot be made.
        """
        if self._ours:
            return True
        with _guard:
            if self._held_here():
                return False
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            if fcntl is not None:
                try:
                    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(fd)
                    return False
            self._key = _file_of(os.fstat(fd))
            _held.add(self._key)
            self._fd, self._pid = fd, os.getpid()
        with contextlib.suppress(OSError):  # for people only: a full disk must not keep anybody out
            self._beside.write_bytes(msgspec.json.encode(_self()))
        return True

    def holder(self) -> str:
        """Return who holds the lock, for people; the lock file is not opened."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, KeyError, TypeError):
            with _guard:
                here = self._held_here()
            holder = _self() if here else msgspec.json.decode(self._beside.read_bytes())
            return f"process {holder['pid']} on {holder['host']}"
        return "another process"

    def release(self) -> None:
        """Give the lock back; the file stays, so that two takers always mean the same one."""
        if not self._ours:
            return
        with _guard:
            os.close(self._fd)
            self._fd = -1
            _held.discard(self._key)

    @property
    def _ours(self) -> bool:
        return self._fd >= 0 and self._pid == os.getpid()

    @property
    def _beside(self) -> Path:
        return self._path.with_suffix(".holder.lock")

    def _held_here(self) -> bool:
        """Return whether this process holds the file, by this name or another one."""
        try:
            return _file_of(self._path.stat()) in _held
        except OSError:
            return False


def _self() -> dict[str, str | int]:
    host = os.uname().nodename if hasattr(os, "uname") else ""
    return {"host": host, "pid": os.getpid(), "since": time.time_ns()}


def _file_of(stat: os.stat_result) -> _File:
    return stat.st_dev, stat.st_ino
