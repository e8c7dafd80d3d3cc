"""Start the delivery process and tell it, over a pipe, which runs there are; the training's side.

One a training process. It has a session of its own, so that Ctrl-C does not reach it, and it
learns from its parent's death that the training is gone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from trackhub.capture.facts import ProcessFacts

_MODULE = "trackhub.deliver"
MOST_REVIVALS = 3
"""How often one that died is started again without a new run."""


class RunNotice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tell the delivery process of a run.

    :ivar destinations: (name, URL) of each.
    :ivar facts: what the training process knows of itself, for the environment; None captures nothing.
    """

    folder: str
    attempt: str
    destinations: tuple[tuple[str, str], ...] = ()
    facts: ProcessFacts | None = None
    redact: tuple[str, ...] = ()
    redact_allow: tuple[str, ...] = ()
    linger_s: float = 600.0


class DeliveryProcess:
    """Hold this process's delivery process; a forked child begins with none."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._notices: list[RunNotice] = []
        self._log = Path(os.devnull)
        self._revivals = 0
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def add(self, notice: RunNotice, log: Path) -> None:
        """Have a run delivered."""
        with self._lock:
            self._notices.append(notice)
            self._log = log
            if not self._send(notice):
                self._start()

    def wake(self) -> bool:
        """Have everything delivered now; return whether there is a process to do it."""
        with self._lock:
            if self._write(b"\n"):
                return True
            if not self._notices or self._revivals >= MOST_REVIVALS:
                return False
            self._revivals += 1
            self._start()
            return self.alive()

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Return the process's pid, if there is one."""
        return self._process.pid if self._process is not None else None

    def _start(self) -> None:
        """Start a process that knows all runs there were: their cursors say what is left of each."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, str(os.getpid())],
                bufsize=0,  # a buffer would hold a lock that a fork could catch
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        for notice in self._notices:
            self._send(notice)

    def _send(self, notice: RunNotice) -> bool:
        return self._write(msgspec.json.encode(notice) + b"\n")

    def _write(self, line: bytes) -> bool:
        if self._process is None or self._process.poll() is not None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(line)
        except OSError:
            return False
        return True

    def _forget(self) -> None:
        # The child's copy of the pipe would keep the delivery process from seeing the parent's end.
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.returncode = 0  # not this process's child: nothing to wait for or warn of
        self._process = None
        self._notices = []
        self._lock = threading.Lock()
