"""Let one process at a time deliver a run to a destination.

The lock is a POSIX record lock: the kernel drops it when its holder dies, so a stale one never
stays, on NFS neither; and a forked child does not inherit it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import msgspec

try:
    import fcntl
except ImportError:  # Windows: the file's exclusive opening must do
    fcntl = None  # type: ignore[assignment]

_held: set[Path] = set()
_guard = threading.Lock()  # a record lock does not keep out another thread of the same process


class RunLock:
    """Hold a lock file; :meth:`take` it, then :meth:`release` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def take(self) -> bool:
        """Return whether the lock is ours now."""
        if self._fd >= 0:
            return True
        key = self._path.absolute()
        with _guard:
            if key in _held:
                return False
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            if fcntl is not None:
                try:
                    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(fd)
                    return False
            _held.add(key)
            self._fd = fd
        holder = {
            "host": os.uname().nodename if hasattr(os, "uname") else "",
            "pid": os.getpid(),
            "since": time.time_ns(),
        }
        os.ftruncate(fd, 0)
        os.write(fd, msgspec.json.encode(holder))
        return True

    def holder(self) -> str:
        """Return who holds the lock, for people."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, KeyError):
            holder = msgspec.json.decode(self._path.read_bytes())
            return f"process {holder['pid']} on {holder['host']}"
        return "another process"

    def release(self) -> None:
        """Give the lock back; the file stays, so that two takers always mean the same one."""
        if self._fd < 0:
            return
        with _guard:
            os.close(self._fd)
            self._fd = -1
            _held.discard(self._path.absolute())
