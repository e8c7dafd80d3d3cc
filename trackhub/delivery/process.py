"""Start the delivery process and tell it, over a pipe, which runs there are; the training's side.

One a training process. It has a session of its own, so that Ctrl-C does not reach it, and it
learns from its parent's death that the training is gone.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from trackhub.capture.facts import ProcessFacts

_MODULE = "trackhub.deliver"
MOST_REVIVALS = 3
"""How often one that died is started again without a new run."""

LAST_WORDS_S = 2.0
"""How long a process that ends waits for a delivery process that takes no notices."""

_AT_ONCE = 1 << 16
_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0

log = logging.getLogger("trackhub")


class RunNotice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tell the delivery process of a run.

    :ivar folder: the run's, as the system's bytes: a path need be no UTF-8.
    :ivar destinations: (name, URL) of each.
    :ivar facts: what the training process knows of itself, for the environment; None captures nothing.
    """

    folder: bytes
    attempt: str
    destinations: tuple[tuple[str, str], ...] = ()
    facts: ProcessFacts | None = None
    redact: tuple[str, ...] = ()
    redact_allow: tuple[str, ...] = ()
    linger_s: float = 600.0

    @property
    def place(self) -> Path:
        """Return the run's folder."""
        return Path(os.fsdecode(self.folder))


class DeliveryProcess:
    """Hold this process's delivery process; a forked child begins with none.

    The pipe to it is never waited for: what a process that is stopped, or slow to start, does not
    take goes into it later, from a thread that lives only as long as there is something left.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._notices: list[RunNotice] = []
        self._log = Path(os.devnull)
        self._revivals = 0
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._last_words)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._sender: threading.Thread | None = None

    def add(self, notice: RunNotice, log: Path) -> None:
        """Have a run delivered.

        :raises OSError: there is no process to be had.
        """
        with self._lock:
            self._notices.append(notice)
            self._log = log
            if not self._send(notice):
                self._start()

    def wake(self) -> bool:
        """Have everything delivered now; return whether there is a process to do it."""
        with self._lock:
            # A pipe that is full holds a wake already.
            if self._flush() and (self._unsent or self._put(b"\n") is not None):
                return True
            if not self._notices or self._revivals >= MOST_REVIVALS:
                return False
            self._revivals += 1
            try:
                self._start()
            except OSError:  # no process to be had now: `trackhub sync` delivers
                return False
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
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, AttributeError):  # Windows knows no such pipes before Python 3.12
                os.set_blocking(self._process.stdin.fileno(), False)
        self._unsent.clear()
        for notice in self._notices:
            self._send(notice)

    def _send(self, notice: RunNotice) -> bool:
        """Send a notice now or later; return whether there is a process to take it."""
        if not self.alive():
            return False
        self._unsent += msgspec.json.encode(notice) + b"\n"
        if not self._flush():
            return False
        if self._unsent and (self._sender is None or not self._sender.is_alive()):
            self._sender = threading.Thread(target=self._send_rest, name="trackhub notices", daemon=True)
            with contextlib.suppress(RuntimeError):  # no thread to be had: the next wake sends them
                self._sender.start()
        return True

    def _send_rest(self) -> None:
        """Send what the pipe had no room for, with a longer pause each time, until nothing is left."""
        pause, own = _PAUSE_S, threading.current_thread()
        while self._sender is own:
            threading.Event().wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
            with self._lock:
                if not self._unsent or not self._flush():
                    return

    def _flush(self) -> bool:
        """Give the pipe what it takes of the notices; return whether there is a process."""
        if not self.alive():
            return False
        while self._unsent:
            sent = self._put(bytes(self._unsent[:_AT_ONCE]))
            if sent is None:
                return False
            if not sent:
                break
            del self._unsent[:sent]
        return True

    def _put(self, data: bytes) -> int | None:
        """Return how many bytes the pipe took, which may be none; None where nobody reads it."""
        if self._process is None or self._process.stdin is None:
            return None
        try:
            return self._process.stdin.write(data) or 0
        except BlockingIOError:
            return 0
        except (OSError, ValueError):  # closed
            return None

    def _last_words(self) -> None:
        """Say what the delivery process was not told, as this one ends."""
        deadline = time.monotonic() + LAST_WORDS_S
        while self._unsent and self.wake() and time.monotonic() < deadline:
            threading.Event().wait(_PAUSE_S)
        if self._unsent:
            log.warning("the delivery process did not take all runs; `trackhub sync` delivers what is left")

    def _forget(self) -> None:
        # The child's copy of the pipe would keep the delivery process from seeing the parent's end.
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.returncode = 0  # not this process's child: nothing to wait for or warn of
        self._process = None
        self._notices = []
        self._begin()
