"""End the runs that are still open when the process ends: at exit, or on SIGTERM.

SIGKILL leaves no time for this; the delivery process and ``trackhub sync`` see that themselves.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

from trackhub.model.outcome import ending_of, reason_of
from trackhub.run import Run

log = logging.getLogger("trackhub")

_open: set[Run] = set()
_installed_in: int | None = None


def watch(run: Run) -> None:
    """Remember a run until it has ended."""
    global _installed_in  # noqa: PLW0603  (once a process, and again in a forked child)
    for ended in [one for one in _open if one.status != "running"]:
        _open.discard(ended)
    _open.add(run)
    if _installed_in != os.getpid():
        _installed_in = os.getpid()
        _install()


def _install() -> None:
    atexit.register(_end_all)
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None and sys.modules["multiprocessing"].parent_process() is not None:
        # A child of multiprocessing leaves by os._exit, which skips atexit.
        multiprocessing.Finalize(None, _end_all, exitpriority=0)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)


def _end_all() -> None:
    """End every open run as the interpreter ends: failed, if an exception is what ends it."""
    # An interactive session's last error was seen by its user, who went on.
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    status, reason = ending_of(error)
    for run in list(_open):
        _try(run, partial(run.end, status, reason))
    for run in list(_open):
        _open.discard(run)
        _try(run, run.finish)


def _try(run: Run, step: Callable[[], object]) -> None:
    try:
        step()
    except Exception as trouble:  # noqa: BLE001 - one run's trouble must not keep the others from being ended
        log.warning("run %s could not be ended: %s", run.id, reason_of(trouble))


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (a signal handler's signature)
    """End every open run as killed, then let the signal do what it would have done."""
    for run in list(_open):
        with contextlib.suppress(Exception):  # the process dies now, and there are other runs to end
            run.end_abruptly("killed", signal.Signals(number).name)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
