"""Run another program for a few seconds at most, and keep the beginning of what it says."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_SECONDS = 5.0
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Output:
    """Hold the beginning of what a program wrote, and how much it was in all."""

    head: bytes
    size: int

    @property
    def text(self) -> str:
        """Return the text, with bytes that are not UTF-8 escaped."""
        return self.head.decode(errors="backslashreplace")


def run(
    command: Sequence[str],
    *,
    deadline: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    limit: int = 1 << 20,
) -> Output | None:
    """Return a program's output; None if it is missing, fails, or takes too long.

    :param deadline: by ``time.monotonic()``; no program gets more than five seconds anyway.
    :param limit: how many bytes to keep; the rest is only counted.

    >>> run(["git", "version"], deadline=time.monotonic() + 5).text.split()[:2]
    ['git', 'version']
    >>> run(["no-such-program"], deadline=time.monotonic() + 5) is None
    True
    """
    seconds = min(MOST_SECONDS, deadline - time.monotonic())
    program = shutil.which(command[0])
    if program is None or seconds <= 0:
        return None
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):  # no such folder, no memory; a zero byte in a name
        return None
    return _collect(process, time.monotonic() + seconds, limit)


def _collect(process: subprocess.Popen[bytes], deadline: float, limit: int) -> Output | None:
    head = bytearray()
    size = 0

    def read() -> None:
        nonlocal size
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                size += len(chunk)
                head.extend(chunk[: max(0, limit - len(head))])

    # A thread, for a grandchild can hold the pipe open after the program was killed.
    reader = threading.Thread(target=read, name="trackhub-capture", daemon=True)
    reader.start()
    reader.join(max(0.0, deadline - time.monotonic()))
    try:
        status = process.wait(max(0.0, deadline - time.monotonic()) if not reader.is_alive() else 0.0)
    except subprocess.TimeoutExpired:
        status = None
    if reader.is_alive() or status is None:
        _kill(process)
        return None
    return Output(bytes(head), size) if status == 0 else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: what it started goes, too
        else:
            process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
