from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

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
    path.with_suffix(".holder.lock").write_bytes(b"[1]")
    lock = RunLock(path)
    assert lock.holder() == "another process"
    assert lock.take()
    lock.release()


def taken_elsewhere(path) -> bool:
    probe = "import sys; from pathlib import Path; from trackhub.delivery.lock import RunLock; "
    probe += "print(RunLock(Path(sys.argv[1])).take())"
    found = subprocess.run([sys.executable, "-c", probe, str(path)], capture_output=True, text=True, check=True)
    return found.stdout.strip() == "True"


def test_asking_who_holds_it_keeps_it(path, tmp_path):
    """The kernel drops a lock when its process closes any descriptor of the file: asking and trying open none."""
    lock = RunLock(path)
    assert lock.take()
    assert f"process {os.getpid()} on" in RunLock(path).holder()
    assert not RunLock(path).take()
    (tmp_path / "link").symlink_to(path.parent)
    by_another_name = RunLock(tmp_path / "link" / path.name)
    assert not by_another_name.take()
    assert f"process {os.getpid()} on" in by_another_name.holder()
    thread = threading.Thread(target=lambda: (RunLock(path).take(), RunLock(path).holder()))
    thread.start()
    thread.join()
    assert not taken_elsewhere(path)
    lock.release()
    assert taken_elsewhere(path)


def test_a_forked_child_asks_anew(path):
    """What its parent holds is not the child's; once the parent lets go, the child may have it."""
    lock = RunLock(path)
    assert lock.take()
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            refused = not lock.take() and not RunLock(path).take()
            os.read(ready, 1)
            code = 0 if refused and RunLock(path).take() else 2
        finally:
            os._exit(code)
    assert not taken_elsewhere(path)
    lock.release()
    os.write(told, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
