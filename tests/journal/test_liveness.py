"""Tell processes that are gone from those that live, on this machine and on others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from trackhub.journal.liveness import ProcessMark, this_process, vanished
from trackhub.journal.segment import SegmentHeader

NOW = time.time_ns()
MINUTE = 60 * 10**9


def header(mark: ProcessMark, **changes: Any) -> SegmentHeader:
    fields = {"run": "r", "project": "p", "writer": "w", "role": "run", "created": NOW, **mark._asdict(), **changes}
    return SegmentHeader(**fields)


def gone(head: SegmentHeader, *, last_event: int = NOW - MINUTE, silence_s: float = 3600) -> bool:
    return vanished(head, last_event=last_event, now=NOW, silence_s=silence_s)


def test_the_process_itself_lives() -> None:
    """This process has not vanished, however long it was silent."""
    assert not gone(header(this_process()), last_event=0, silence_s=0)


def test_a_killed_process_has_vanished_even_before_it_is_reaped() -> None:
    """A process that was killed is gone, as a zombie and after."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    head = header(this_process(), pid=child.pid, birth=None)
    assert not gone(head)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert gone(head), "a zombie"
    child.communicate()
    assert gone(head), "reaped"


@pytest.mark.skipif(this_process().birth is None, reason="the system does not tell when a process began")
def test_a_recycled_pid_is_another_process() -> None:
    """A pid that lives, but began at another time, is not the process that wrote."""
    assert gone(header(this_process(), birth=1))


def test_another_machine_is_judged_by_its_silence() -> None:
    """A process of another host is gone once it was silent for long enough."""
    head = header(this_process(), host="elsewhere", pid=1)
    assert not gone(head, silence_s=61)
    assert gone(head, silence_s=59)


def test_another_container_is_judged_by_its_silence() -> None:
    """A pid of another pid namespace says nothing here, though host and boot are the same."""
    mark = this_process()
    head = header(mark, boot=f"{mark.boot.partition('.')[0]}.1", pid=2**22 - 1)
    assert not gone(head, silence_s=61)
    assert gone(head, silence_s=59)


@pytest.mark.skipif(not this_process().boot, reason="the system has no boot id")
def test_a_process_of_before_the_boot_has_vanished() -> None:
    """Nothing lives on that wrote before this machine was started; a namesake's process may."""
    head = header(this_process(), boot="another-boot.1")
    assert gone(head, last_event=0, silence_s=float("inf"))
    assert not gone(head, last_event=NOW)


def test_a_fork_has_a_mark_of_its_own() -> None:
    """A forked child is not taken for its parent."""
    mine, (reading, writing) = this_process(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(this_process().pid).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 20)) == child != mine.pid
    os.close(reading)
    os.close(writing)


def test_a_pid_that_cannot_be_is_gone() -> None:
    """A header with an absurd pid does not stop a reader."""
    assert gone(header(this_process(), pid=2**40))
