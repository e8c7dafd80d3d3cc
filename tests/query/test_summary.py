"""Folding a journal: what a run's summary and its detail say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trackhub.journal.store import RunFolder, Store
from trackhub.model.events import (
    ArtifactLogged,
    EnvironmentCaptured,
    FileEntry,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
)
from trackhub.query.summary import LastValue, read_detail

NAN = float("nan")
HOUR = 3600 * 10**9


def artifact(written: Any, content: str) -> ArtifactLogged:
    file = FileEntry(path="model.pt", sha256=content * 64, size=10)
    return ArtifactLogged(time=written.tick(), name="weights", type="model", files=(file,))


def test_a_run_is_summed_up(written: Any) -> None:
    """A summary has who the run is, how it ended, its params and tags, and each metric's newest point."""
    folder = written.add(
        "forest-1",
        params={"model.depth": 4, "seed": 2**80},
        tags={"phase": "baseline"},
        rows=[(1, {"loss": 0.5, "acc": 0.1}), (2, {"loss": 0.25}), (None, {"big": 2**70}), (1.5, {"acc": True})],
        parent="0" * 32,
        group="sweep",
    )
    summary = read_detail(folder).summary
    assert (summary.id, summary.name, summary.project, summary.status) == (folder.id, "forest-1", "digits", "finished")
    assert (summary.parent, summary.group, summary.points) == ("0" * 32, "sweep", 5)
    assert summary.params == {"model.depth": 4, "seed": 2**80}
    assert summary.tags == {"phase": "baseline"}
    assert summary.ended == written.now == summary.last_event
    assert summary.started is not None
    assert summary.started < summary.ended
    times = [last.time for last in summary.metrics.values()]
    assert summary.metrics == {
        "loss": LastValue(0.25, 2, times[0], 2),
        "acc": LastValue(True, 1.5, times[1], 2),
        "big": LastValue(2**70, None, times[2], 1),
    }


def test_the_newest_value_is_the_one_logged_last(written: Any) -> None:
    """Whatever the steps and the segments, the newest value is the latest in time."""
    folder = written.add("a", rows=[(9, {"loss": 1.0})], status=None)
    other = written.writer(folder, "w0")
    other.row_at(written.tick(), {"loss": 2.0}, 3)
    other.close()
    assert read_detail(folder).summary.metrics["loss"].value == 2.0


def test_the_first_param_stands_unless_overwritten(written: Any) -> None:
    """Ranks may log the same params; only an overwrite replaces one."""
    first = ParamsLogged(time=written.tick(), params={"lr": 1, "depth": 4})
    second = ParamsLogged(time=written.tick(), params={"lr": 2, "width": 8})
    third = ParamsLogged(time=written.tick(), params={"depth": 5}, overwrite=True)
    folder = written.add(events=[first, second, third])
    assert read_detail(folder).summary.params == {"lr": 1, "depth": 5, "width": 8}


def test_the_last_tag_stands(written: Any) -> None:
    """A tag is replaced by a later one."""
    events = [TagsSet(time=written.tick(), tags={"a": "1", "b": "1"}), TagsSet(time=written.tick(), tags={"a": "2"})]
    assert read_detail(written.add(events=events)).summary.tags == {"a": "2", "b": "1"}


def test_artifacts_have_versions_by_content(written: Any) -> None:
    """New content is a new version; content that was there before is its version again, and the newest."""
    events = [artifact(written, "a"), artifact(written, "a"), artifact(written, "b"), artifact(written, "a")]
    detail = read_detail(written.add(events=events))
    assert [(item.version, item.files[0].sha256[0]) for item in detail.artifacts] == [(2, "b"), (1, "a")]
    assert detail.artifacts[0].size == 10


def test_the_environment_is_gathered(written: Any) -> None:
    """What was captured at several times comes together."""
    events = [
        EnvironmentCaptured(time=written.tick(), environment={"python": "3.11", "host": "a"}),
        EnvironmentCaptured(time=written.tick(), environment={"host": "b"}),
    ]
    assert read_detail(written.add(events=events)).environment == {"python": "3.11", "host": "b"}


def test_an_open_run_of_a_living_process_is_running(written: Any) -> None:
    """A run whose process lives is running, however long it is silent."""
    summary = read_detail(written.add(status=None), now=written.now + 10**6 * HOUR).summary
    assert (summary.status, summary.ended) == ("running", None)


def test_an_open_run_of_a_dead_process_has_crashed(store: Store) -> None:
    """A run whose process was killed counts as crashed at its last event, and nothing is written."""
    code = """
import os, signal, sys, time
sys.path.insert(0, {here!r})
from conftest import Runs
from pathlib import Path
from trackhub.journal.store import Store
folder = Runs(Store(Path({store!r}))).add("victim", rows=[(1, {{"loss": 0.5}})], status=None)
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    command = code.format(here=str(Path(__file__).parent), store=str(store.path))
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    folder = RunFolder(Path(done.stdout.strip()))
    before = [path.read_bytes() for path in folder.segments()]
    detail = read_detail(folder)
    summary = detail.summary
    assert (summary.status, summary.ended) == ("crashed", summary.metrics["loss"].time)
    assert summary.reason.endswith(f"on {os.uname().nodename} vanished")
    assert detail.settled
    assert [path.read_bytes() for path in folder.segments()] == before


def test_a_run_of_another_machine_crashes_by_silence(written: Any) -> None:
    """A run that cannot be looked at is running until it was silent for long enough."""
    folder = written.add(status=None, host="elsewhere")
    at_once = read_detail(folder, now=written.now + HOUR, silence_s=3601)
    assert at_once.summary.status == "running"
    later = read_detail(folder, now=written.now + HOUR, silence_s=3599)
    assert (later.summary.status, later.settled) == ("crashed", False)
    assert later.summary.judged(now=written.now + HOUR, silence_s=3601).status == "running"


def test_a_resumed_run_stands_as_its_last_attempt(written: Any) -> None:
    """A run that crashed and was resumed to its end is finished."""
    folder = written.add(status="crashed")
    writer = written.writer(folder, "w2")
    writer.append(RunResumed(time=written.tick(), attempt="w2"))
    assert read_detail(folder).summary.status == "running"
    writer.append(RunEnded(time=written.tick(), status="finished", attempt="w2"))
    writer.close()
    summary = read_detail(folder).summary
    assert (summary.status, summary.ended, summary.open) == ("finished", written.now, ())


def test_a_run_is_settled_once_all_its_writers_are_gone(written: Any) -> None:
    """An ended run of a closed segment is settled; one that a living process may add to is not."""
    folder = written.add()
    assert read_detail(folder).settled
    forked = written.writer(folder, "w1-child")
    forked.row_at(written.tick(), {"loss": 1.0})
    assert not read_detail(folder).settled


def test_a_torn_tail_is_damage_once_the_run_has_ended(written: Any) -> None:
    """Bytes that are no record yet are a write under way in a living run, and damage in an ended one."""
    living, ended = written.add(status=None), written.add()
    for folder in (living, ended):
        with folder.segments()[0].open("ab") as file:
            file.write(b"\x40\x00\x00\x00half")
    assert read_detail(living).damage == ()
    (damage,) = read_detail(ended).damage
    assert (damage.length, damage.reason) == (8, "torn or damaged tail")


def test_a_file_that_is_no_segment_is_damage(written: Any) -> None:
    """A foreign file in the journal is said, and hides nothing."""
    folder = written.add(rows=[(1, {"loss": 0.5})])
    (folder.journal / "zzz.seg").write_bytes(b"not a journal segment, but long enough to be one")
    detail = read_detail(folder)
    assert detail.summary.points == 1
    assert [damage.segment for damage in detail.damage] == ["zzz.seg"]


def test_a_run_without_its_first_event_still_has_a_name(written: Any) -> None:
    """When the event that names a run is damaged, its folder and its id tell enough to list it."""
    folder = written.add("forest-1", rows=[(1, {"loss": 0.5})], status=None)
    path = folder.segments()[0]
    data = bytearray(path.read_bytes())
    place = data.index(RunStarted.__struct_config__.tag.encode())
    data[place : place + 8] = b"\xff" * 8
    path.write_bytes(data)
    detail = read_detail(folder)
    assert detail.damage
    assert (detail.summary.project, detail.summary.points, detail.summary.status) == ("digits", 1, "running")
    assert detail.summary.name.endswith(folder.id[-4:])


def test_an_empty_folder_is_a_run_that_crashed(store: Store) -> None:
    """A process that died before its first write leaves a run that crashed, after a while."""
    folder = store.run("digits", "0190163d8694739ba9ea95d9ea16b3f1")
    folder.create()
    began = read_detail(folder).summary.started
    assert began == 0x0190163D8694 * 10**6
    assert read_detail(folder, now=began, silence_s=60).summary.status == "running"
    assert read_detail(folder, now=began + HOUR, silence_s=60).summary.status == "crashed"


@pytest.mark.parametrize("value", [NAN, float("inf"), -0.0, 2**63, -(2**63) - 1])
def test_unusual_values_are_kept(written: Any, value: float) -> None:
    """A newest value is what was logged, to the bit."""
    folder = written.add(rows=[(0, {"x": value})])
    found = read_detail(folder).summary.metrics["x"].value
    assert repr(found) == repr(value)
