"""Kill, tear and give again: what trackhub reads and what TensorBoard shows is there once."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trackhub_tensorboard.events import single
from trackhub_tensorboard.runfolder import RunFolder

from trackhub.errors import RetryLater
from trackhub.model.entities import Batch, MetricPoint, Param, RunEnd, Tag

DOOMED = Path(__file__).with_name("doomed.py")
BEGAN = 1_700_000_000_000_000_000


def doomed():
    spec = importlib.util.spec_from_file_location("doomed", DOOMED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(folder: Path) -> Counter:
    """Return what TensorBoard's own reader has of a run: each metric's values and times, and how often."""
    board = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    board.Reload()
    held = Counter()
    for tag in board.Tags()["scalars"]:
        for event in board.Scalars(tag):
            held[tag.partition("#")[0], repr(event.value), event.wall_time] += 1
    return held


def wanted(points) -> Counter:
    return Counter((point.name, repr(_stored(point.value)), point.time / 10**9) for point in points)


def _stored(value) -> float:
    import numpy as np

    return float(np.float32(single(value)))


def points(count, *names):
    return tuple(
        MetricPoint(name, at + 0.5, at // 2, BEGAN + at * 1000) for at in range(count) for name in names or ("loss",)
    )


def test_torn_at_every_byte(open_at, info, logs):
    """Wherever a kill cuts what was being written, the batch that comes again completes it, and nothing is twice."""
    given, run = points(6, "a", "b"), info()
    backend = open_at()
    ref = backend.trackhub_start_run(run)
    backend.trackhub_log_metrics(ref, given[:4], Batch(start=0, position="4"))
    [stream] = (logs / ref.id).glob("*.trackhub")
    whole = stream.stat().st_size
    backend.trackhub_log_metrics(ref, given[4:], Batch(start=4, position="12"))
    full = logs.rename(logs.with_name("full"))
    for cut in range(whole, (full / ref.id / stream.name).stat().st_size + 1, 3):
        shutil.copytree(full, logs)
        os.truncate(stream, cut)
        there = open_at()
        found = there.trackhub_start_run(run)
        assert (found.id, found.position) == (
            ref.id,
            "12" if cut == full.joinpath(ref.id, stream.name).stat().st_size else "4",
        )
        before = there.trackhub_read_metrics(ref)
        assert before == given[: len(before)], cut
        there.trackhub_log_metrics(ref, given[4:], Batch(start=4, position="12", redelivered=True))
        assert there.trackhub_read_metrics(ref) == given, cut
        assert open_at().trackhub_start_run(run).position == "12"
        assert drawn(logs / ref.id) == wanted(given), cut
        shutil.rmtree(logs)


def test_a_torn_run_is_drawn_as_one_that_was_not(open_at, info, logs):
    """The charts go on at the steps where the intact points ended."""
    run, backend = info(), open_at()
    ref = backend.trackhub_start_run(run)
    given = tuple(MetricPoint("loss", at + 0.5, at, BEGAN + at) for at in range(9))
    backend.trackhub_log_metrics(ref, given, Batch(start=0))
    [stream] = (logs / ref.id).glob("*.trackhub")
    os.truncate(stream, stream.stat().st_size - 100)
    backend = open_at()
    backend.trackhub_log_metrics(ref, given, Batch(start=0, redelivered=True))
    backend.trackhub_log_metrics(ref, (MetricPoint("loss", 9.5, 9, BEGAN + 9),), Batch(start=9))
    board = EventAccumulator(str(logs / ref.id))
    board.Reload()
    assert board.Tags()["scalars"] == ["loss"]
    assert [event.step for event in board.Scalars("loss")] == list(range(10))


def test_two_deliveries_by_turns(open_at, info, logs):
    """Processes that know nothing of each other, and were started before the other wrote, double nothing."""
    given, run = points(30), info()
    backends = [open_at(), open_at()]
    [ref, _] = [backend.trackhub_start_run(run) for backend in backends]
    for start in range(0, 30, 5):
        for backend in backends:
            backend.trackhub_log_metrics(ref, given[start : start + 5], Batch(start=start, redelivered=True))
            backend.trackhub_log_params(ref, (Param("lr", 0.1, BEGAN),))
            backend.trackhub_set_tags(ref, (Tag("at", str(start), BEGAN),))
    assert open_at().trackhub_read_metrics(ref) == given
    assert drawn(logs / ref.id) == wanted(given)


def test_a_disk_that_is_full_for_a_while(open_at, info, logs, monkeypatch):
    """A write that stops midway is tried again in another file; what came through is not written twice."""
    backend, given, write = open_at(), points(400), os.write
    ref = backend.trackhub_start_run(info())
    room = [700]

    def full(file, data):
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        written = write(file, bytes(data[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    told = []
    while True:
        try:
            backend.trackhub_log_metrics(ref, given, Batch(start=0, redelivered=bool(told)))
            break
        except RetryLater as error:
            told.append(str(error))
            room[0] = 700 * 2 ** len(told)
    assert len(told) > 1
    assert all("No space left" in text for text in told)
    assert open_at().trackhub_read_metrics(ref) == given
    assert drawn(logs / ref.id) == wanted(given)


def test_an_end_after_an_end(open_at, info, logs):
    """A resumed run shows its newest end on the HPARAMS page, and each end as a text."""
    run, backend = info(), open_at()
    ref = backend.trackhub_start_run(run)
    backend.trackhub_log_params(ref, (Param("lr", 0.1, BEGAN),))
    for status in ("killed", "killed", "finished"):
        backend.trackhub_finish_run(ref, RunEnd(status=status, time=BEGAN + 1))
    board = EventAccumulator(str(logs / ref.id))
    board.Reload()
    assert len(board.Tensors("about/end")) == 2
    content = board.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    assert HParamsPluginData.FromString(content).session_end_info.status == 1


def test_a_record_that_rots_is_told(open_at, info, logs):
    """A flipped bit costs the record that it is in; the run says so, and reads on behind it."""
    backend, given = open_at(), points(9)
    ref = backend.trackhub_start_run(info())
    for start in (0, 3, 6):
        backend.trackhub_log_metrics(ref, given[start : start + 3], Batch(start=start))
        if start == 0:
            [stream] = (logs / ref.id).glob("*.trackhub")
            at = stream.stat().st_size + 60
    data = bytearray(stream.read_bytes())
    data[at] ^= 1
    stream.write_bytes(data)
    [record] = open_at().trackhub_search_runs("digits")
    assert open_at().trackhub_read_metrics(ref) == given[:3] + given[6:]
    assert [(note.kind, note.subject) for note in record.notes] == [("damaged", stream.name)]
    assert "byte" in record.notes[0].detail


def test_a_first_record_that_rots_is_told(open_at, info, logs):
    """A run of which nothing says what it is is named, and hides no other."""
    backend = open_at()
    ref, other = backend.trackhub_start_run(info()), backend.trackhub_start_run(info(name="other"))
    [stream] = (logs / ref.id).glob("*.trackhub")
    data = bytearray(stream.read_bytes())
    data[data.index(b"started")] ^= 1
    stream.write_bytes(data)
    backend = open_at()
    assert [record.ref.id for record in backend.trackhub_search_runs("digits")] == [other.id]
    assert [note.subject for note in backend.trackhub_read_notes()] == [ref.id]
    assert backend.trackhub_read_run(f"{1:032x}", None) is None


def campaign(logs: Path, *, count: int, size: int, kills: int, seed: int, within: float = 0.06) -> int:
    """Deliver with kills at random moments, sometimes with an older cursor; return how often it was killed."""
    module, chance = doomed(), random.Random(seed)
    command = [sys.executable, str(DOOMED), str(logs), str(count), str(size)]
    cursor, killed = logs / "cursor", 0
    while True:
        process = subprocess.Popen(command)
        if killed < kills:
            began = cursor.stat().st_mtime_ns if cursor.exists() else 0
            while process.poll() is None and (not cursor.exists() or cursor.stat().st_mtime_ns == began):
                time.sleep(0.002)
            time.sleep(chance.random() * within)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
        process.wait()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        if chance.random() < 0.3 and cursor.exists():
            cursor.write_text(str(max(int(cursor.read_text()) - size * chance.randrange(1, 9), 0)))
    folder = logs / "board" / "digits" / "doomed"
    given = module.points(count)
    from trackhub_tensorboard.columns import points_of

    assert points_of(RunFolder(folder).columns()) == list(given)
    assert drawn(folder) == wanted(given)
    return killed


def test_killed_now_and_then(tmp_path):
    """A delivery that is killed and begun again, with its cursor or an older one, brings each point once."""
    assert campaign(tmp_path, count=60_000, size=500, kills=6, seed=1, within=0.03) >= 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(tmp_path, seed):
    """The same, for long, in batches of every size."""
    size, batches = ((50, 2000), (300, 800), (1000, 400), (5000, 150))[seed]
    assert campaign(tmp_path, count=size * batches, size=size, kills=60, seed=seed) >= 20
