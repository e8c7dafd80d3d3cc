from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from trackhub.delivery.lock import RunLock

HOLD = """
import sys, time
from pathlib import Path
from trackhub.delivery.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "delivery" / "x.lock"


def test_one_holder_at_a_time(path):
    """A second lock, in the same process too, is refused until the first is released."""
    first, second = RunLock(path), RunLock(path)
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_another_process_is_kept_out_and_its_death_frees_the_lock(path):
    """A holder that is killed leaves no stale lock: the next one takes it over at once."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline().strip() == "True"
        lock = RunLock(path)
        assert not lock.take()
        assert f"process {holder.pid} on" in lock.holder()
        holder.kill()
        holder.wait()
        assert lock.take()
        lock.release()


def test_a_forked_child_does_not_keep_the_lock(path):
    """A lock is its process's own: a child that outlives the holder does not hold it."""
    lock = RunLock(path)
    assert lock.take()
    child = os.fork()
    if not child:
        signal.pause()
        os._exit(0)
    try:
        lock.release()
        assert RunLock(path).take()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_damaged_lock_file_still_names_somebody(path):
    """What stands in the file is for people only: nonsense there changes nothing."""
    path.parent.mkdir()
    path.write_bytes(b"\xff\x00nonsense")
    lock = RunLock(path)
    assert lock.holder() == "another process"
    assert lock.take()
    lock.release()
