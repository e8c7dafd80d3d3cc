from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from support.journals import WrittenRun

from trackhub.delivery.ending import end_attempt, end_vanished
from trackhub.journal.journal import JournalReader
from trackhub.journal.liveness import this_process
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import RunEnded, RunResumed, RunStarted
from trackhub.model.life import RunLife


@pytest.fixture
def written(tmp_path):
    return WrittenRun(tmp_path)


def watcher(written):
    return lambda: SegmentHeader(
        run=written.id, project="p", writer=f"z{time.time_ns()}", role="delivery", created=1, host="h", pid=1
    )


def life_of(written):
    life = RunLife()
    for placed in JournalReader(written.folder).events():
        life.apply(placed.event)
    return life


def test_an_open_attempt_is_ended_as_crashed(written):
    """An attempt whose process is gone ends as crashed, once."""
    written.rows(3)
    assert end_attempt(written.folder, "w1", watcher(written))
    assert life_of(written).status == "crashed"
    assert not end_attempt(written.folder, "w1", watcher(written))


def test_an_end_that_was_written_stays(written):
    """What the process itself said is not overwritten."""
    written.end("finished")
    assert not end_attempt(written.folder, "w1", watcher(written))
    assert life_of(written).status == "finished"


def test_the_process_own_word_outranks_an_inference(written):
    """An end that arrives late, from a process thought dead, replaces the inferred one."""
    end_attempt(written.folder, "w1", watcher(written))
    written.end("finished")
    assert life_of(written).status == "finished"


def test_a_silent_run_of_another_machine_crashed_when_it_last_spoke(written):
    """Out of sight, only silence tells; the end's time is the last event's."""
    written.rows(3)
    assert not end_vanished(written.folder, watcher(written), silence_s=1e12)
    assert end_vanished(written.folder, watcher(written), silence_s=60)
    assert life_of(written).end.time == written.now


def test_a_run_of_this_machine_is_judged_by_its_process(tmp_path):
    """A live process's run stays open however silent; a dead one's ends at once."""
    here = this_process()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as gone:
        dead_pid = gone.pid
        gone.communicate(b"\n")
    for pid, birth, crashed in ((os.getpid(), here.birth, False), (dead_pid, None, True)):
        written = WrittenRun(tmp_path / str(pid))
        header = SegmentHeader(
            run=written.id,
            project="p",
            writer="a1",
            role="run",
            created=1,
            host=here.host,
            pid=pid,
            boot=here.boot,
            birth=birth,
        )
        writer = JournalWriter(written.folder.journal, lambda header=header: header)
        writer.append(RunStarted(time=written.tick(), id=written.id, name="n", project="p", attempt="a1"))
        written.end()
        assert end_vanished(written.folder, watcher(written), silence_s=1e12) is crashed
        assert life_of(written).status == ("crashed" if crashed else "running")


def test_ranks_end_each_for_itself(written):
    """A run of two attempts is running until both have ended."""
    other = written.new_writer("w2")
    other.append(RunResumed(time=written.tick(), attempt="w2", rank=1))
    written.end("finished")
    assert life_of(written).status == "running"
    other.append(RunEnded(time=written.tick(), status="failed", attempt="w2"))
    assert life_of(written).status == "failed"


def test_a_run_whose_header_is_damaged_is_judged_by_its_silence(written):
    """Nothing says which process to look for; the run ends all the same."""
    written.rows(3)
    [segment] = written.folder.segments()
    data = bytearray(segment.read_bytes())
    data[20] ^= 0xFF
    data[30] ^= 0xFF
    segment.write_bytes(data)
    assert not end_vanished(written.folder, watcher(written), silence_s=1e12)
    assert end_vanished(written.folder, watcher(written), silence_s=60)
    assert (life_of(written).status, life_of(written).end.time) == ("crashed", written.now)


@pytest.mark.parametrize("attempt", ["i1", "theirs"])
def test_what_was_imported_runs_until_it_is_taken_over(written, attempt):
    """An import's attempt is never judged crashed, whatever it is called, but ends as the run is resumed here."""
    written.end("finished")
    header = SegmentHeader(run=written.id, project="p", writer="i1", role="import", created=1, host="h", pid=1)
    writer = JournalWriter(written.folder.journal, lambda: header)
    writer.append(RunResumed(time=written.tick(), attempt=attempt))
    assert not end_vanished(written.folder, watcher(written), silence_s=0)
    assert life_of(written).open_attempts == (attempt,)
    assert end_vanished(written.folder, watcher(written), silence_s=0, imported=True)
    assert life_of(written).status == "crashed"
    writer.append(RunEnded(time=written.now, status="killed", attempt=attempt))
    assert life_of(written).status == "killed"


def test_an_attempt_ends_no_earlier_than_what_is_known(written):
    """Where the clock of who sees a process gone is behind, the attempt stands as the one that ended last."""
    ahead = time.time_ns() + 10**12
    written.end("finished")
    other = written.new_writer("w2")
    other.append(RunResumed(time=ahead, attempt="w2"))
    assert end_attempt(written.folder, "w2", watcher(written))
    assert (life_of(written).status, life_of(written).end.time) == ("crashed", ahead)
