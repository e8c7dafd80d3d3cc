"""Tell from a segment's header whether the process that wrote it is gone; asks the kernel, writes nothing.

A pid means something on its own host, in its own boot and its own pid namespace only: anywhere
else the one sign of life is the journal itself, so a writer that is silent for long counts as gone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from trackhub.journal.segment import SegmentHeader

_PROC = Path("/proc")


class ProcessMark(NamedTuple):
    """Name a process so that no other one is ever taken for it.

    :ivar boot: ``<boot id>.<pid namespace>``, or empty where the system tells neither.
    :ivar birth: the start time in clock ticks since boot, which tells a recycled pid.
    """

    host: str
    pid: int
    boot: str
    birth: int | None


def this_process() -> ProcessMark:
    """Return the mark of the calling process; asked again after a fork, the child's own.

    >>> this_process().pid == os.getpid()
    True
    """
    process = _process(os.getpid())
    return ProcessMark(host=_host(), pid=os.getpid(), boot=_boot(), birth=process.birth if process else None)


def vanished(
    header: SegmentHeader, *, last_event: int, now: int, silence_s: float, here: ProcessMark | None = None
) -> bool:
    """Return whether the process that wrote a segment is gone without having ended its run.

    :param last_event: the newest event of the run, in nanoseconds; ``now`` likewise.
    :param silence_s: how long a process that cannot be looked at may write nothing.
    :param here: who asks; this process, unless a test says otherwise.
    """
    here = here or this_process()
    silent = now - last_event > silence_s * 1e9
    if header.host != here.host:
        return silent
    if header.boot != here.boot:
        boot, here_boot = header.boot.partition(".")[0], here.boot.partition(".")[0]
        if not boot or not here_boot or boot == here_boot:
            return silent  # another pid namespace (a container, say): its pids are not ours
        # Machines may share a name: only a run from before our boot can be one that the boot ended.
        return silent or last_event < _booted(now)
    if sys.platform == "win32":
        return silent  # os.kill(pid, 0) is no question there: it sends Ctrl-C
    return not _alive(header.pid, header.birth)


class _Process(NamedTuple):
    state: str
    birth: int


def _alive(pid: int, birth: int | None) -> bool:
    process = _process(pid)
    if process is not None:
        return process.state not in "ZXx" and birth in {None, process.birth}
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is there, and someone else's
        return True
    return True


def _process(pid: int) -> _Process | None:
    """Return what Linux says of a process; None where there is no such file."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        # The second field is the program's name in parentheses, and may hold spaces and parentheses.
        fields = stat[stat.rindex(")") + 2 :].split()
        return _Process(state=fields[0], birth=int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def _boot() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _booted(now: int) -> int:
    """Return when this machine was started, in nanoseconds since the epoch."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return now - time.clock_gettime_ns(clock) if clock is not None else 0
