"""The index: it saves reading, and never changes what is read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import RunEnded, RunResumed
from trackhub.query import index as module
from trackhub.query.index import RunIndex, cache_folder
from trackhub.query.summary import RunSummary, read_detail

NAN = float("nan")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of the runs whose journal was read."""
    seen: list[str] = []

    def read(folder: RunFolder, **options: Any) -> Any:
        seen.append(folder.id)
        return read_detail(folder, **options)

    monkeypatch.setattr(module, "read_detail", read)
    return seen


def age(*folders: RunFolder) -> None:
    """Make journal folders look as if nothing had happened there lately."""
    for folder in folders:
        os.utime(folder.journal, ns=(time.time_ns(), time.time_ns() - 60 * 10**9))


def names(summaries: list[RunSummary]) -> list[str]:
    return [summary.name for summary in summaries]


def test_runs_come_newest_first_and_by_project(store: Store, written: Any) -> None:
    """All runs of a store, or of one project, are listed with the newest first."""
    written.add("a", project="p/1")
    written.add("b", project="p2")
    written.add("c", project="p/1")
    index = RunIndex(store)
    assert names(index.summaries()) == ["c", "b", "a"]
    assert names(index.summaries("p/1")) == ["c", "a"]
    assert names(index.summaries("nobody")) == []


def test_a_settled_run_is_read_once(store: Store, written: Any, reads: list[str]) -> None:
    """The second listing reads no journal, and says the same."""
    age(written.add("a", params={"big": 2**80, "deep": [1, {"x": None}]}, rows=[(2**70, {"x": 2**80, "y": 0.5})]))
    first = RunIndex(store).summaries()
    assert len(reads) == 1
    assert RunIndex(store).summaries() == first
    assert len(reads) == 1


def test_a_listing_of_one_project_keeps_the_others_cached(store: Store, written: Any, reads: list[str]) -> None:
    """Listing a project forgets nothing of the others."""
    age(written.add(project="a"), written.add(project="b"))
    for project in (None, "a", None):
        RunIndex(store).summaries(project)
    assert len(reads) == 2


def test_an_open_run_is_read_again_when_it_has_grown(store: Store, written: Any, reads: list[str]) -> None:
    """An open run costs a look at its sizes; new rows are seen at once."""
    folder = written.add("a", status=None)
    writer = written.writer(folder, "w2")
    writer.row_at(written.tick(), {"loss": 1.0})
    index = RunIndex(store)
    assert index.summaries()[0].points == 1
    index.summaries()
    assert len(reads) == 1
    writer.row_at(written.tick(), {"loss": 0.5})
    assert index.summaries()[0].metrics["loss"].value == 0.5
    assert len(reads) == 2


def test_a_resumed_run_is_noticed(store: Store, written: Any) -> None:
    """A new segment in a settled run is seen, though only its folder is looked at."""
    folder = written.add("a")
    age(folder)
    assert RunIndex(store).summaries()[0].status == "finished"
    writer = written.writer(folder, "w2")
    writer.append(RunResumed(time=written.tick(), attempt="w2"))
    assert RunIndex(store).summaries()[0].status == "running"
    writer.append(RunEnded(time=written.tick(), status="failed", attempt="w2"))
    writer.close()
    assert RunIndex(store).summaries()[0].status == "failed"


def test_a_run_that_changed_lately_is_not_trusted_to_its_time(store: Store, written: Any) -> None:
    """A segment that came within the file system's tick of the last look is seen all the same."""
    folder = written.add("a")
    stamp = folder.journal.stat().st_mtime_ns
    RunIndex(store).summaries()
    writer = written.writer(folder, "w2")
    writer.append(RunResumed(time=written.tick(), attempt="w2"))
    os.utime(folder.journal, ns=(stamp, stamp))
    assert RunIndex(store).summaries()[0].status == "running"


def test_a_crash_is_noticed_without_a_change(store: Store, written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose process dies stands as crashed, though its files stay as they were."""
    written.add("a", status=None, host="elsewhere")
    assert RunIndex(store, silence_s=float("inf")).summaries()[0].status == "running"
    crashed = RunIndex(store, silence_s=1).summaries()[0]
    assert (crashed.status, crashed.ended) == ("crashed", written.now)
    assert RunIndex(store, silence_s=float("inf")).summaries()[0].status == "running"


def test_a_run_settles_once_its_last_writer_is_gone(store: Store, written: Any, reads: list[str]) -> None:
    """An ended run that another process may still add to is looked at until that process is gone."""
    folder = written.add("a")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        writer = written.writer(folder, "w2", pid=child.pid, birth=None, role="delivery")
        writer.row_at(written.tick(), {"late": 1.0})
        age(folder)
        RunIndex(store).summaries()
        assert len(reads) == 1
        child.kill()
    for _ in range(2):
        assert RunIndex(store).summaries()[0].points == 1
        assert len(reads) == 2
    (folder.segments()[0]).write_bytes(b"")  # nobody looks any more
    assert RunIndex(store).summaries()[0].name == "a"
    assert len(reads) == 2


def test_a_run_that_was_only_silent_is_seen_when_it_goes_on(store: Store, written: Any, reads: list[str]) -> None:
    """An end that another machine inferred does not settle a run whose process may still write."""
    folder = written.add("a", rows=[(1, {"x": 1.0})], status=None, host="elsewhere")
    judge = written.writer(folder, "z9", pid=1 << 30, birth=None, role="delivery")
    judge.append(RunEnded(time=written.tick(), status="crashed", attempt="w1", inferred=True))
    judge.close()
    age(folder)
    for _ in range(2):
        assert [run.status for run in RunIndex(store).summaries()] == ["crashed"]
    assert len(reads) == 1
    late = folder.journal / "w1.seg"
    goes_on = JournalWriter(folder.journal, lambda: pytest.fail("it has a segment"))
    goes_on._fd = os.open(late, os.O_RDWR | os.O_APPEND)
    data = late.read_bytes()
    goes_on._end = goes_on._next_end = len(data)
    goes_on._crc = goes_on._next_crc = int.from_bytes(data[-4:], "little")
    goes_on.append(RunEnded(time=written.tick(), status="finished", attempt="w1"))
    goes_on.close()
    assert [run.status for run in RunIndex(store).summaries()] == ["finished"]


def test_an_int_of_thousands_of_digits_is_cached(store: Store, written: Any, reads: list[str]) -> None:
    """As any other param is."""
    age(written.add("a", params={"n": 10**5000}))
    for _ in range(2):
        assert RunIndex(store).summaries()[0].params == {"n": 10**5000}
    assert len(reads) == 1


def test_a_removed_run_is_forgotten(store: Store, written: Any) -> None:
    """A run whose folder is gone is not listed any more."""
    folder = written.add("a")
    age(folder, written.add("b"))
    assert len(RunIndex(store).summaries()) == 2
    folder.journal.rename(folder.path / "elsewhere")
    assert names(RunIndex(store).summaries()) == ["b"]


@pytest.mark.parametrize("content", [b"", b"\xc1 garbage", b"\x93\x01", msgspec.msgpack.encode([99, "/x", {}])])
def test_a_cache_that_cannot_be_used_is_built_anew(store: Store, written: Any, content: bytes) -> None:
    """A torn, foreign or older cache costs time, and nothing else."""
    age(written.add("a"))
    index = RunIndex(store)
    index.summaries()
    index.path.write_bytes(content)
    assert names(index.summaries()) == ["a"]
    assert index.path.read_bytes() != content


def test_another_stores_cache_is_not_taken(store: Store, written: Any, runs_of: Any, tmp_path: Path) -> None:
    """A cache that was made for another store is not used, even under this one's name."""
    other = Store(tmp_path / "other")
    runs_of(other).add("theirs")
    written.add("ours")
    mine, theirs = RunIndex(store), RunIndex(other)
    theirs.summaries()
    assert mine.path != theirs.path
    theirs.path.rename(mine.path)
    assert names(mine.summaries()) == ["ours"]


def test_it_works_without_a_cache_folder(
    store: Store, written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no cache can be written, runs are read each time."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRACKHUB_CACHE", str(tmp_path / "file"))
    written.add("a")
    assert names(RunIndex(store).summaries()) == ["a"]
    assert names(RunIndex(store).summaries()) == ["a"]


def test_the_cache_is_never_in_the_store(store: Store, written: Any) -> None:
    """Reading a store writes nothing into it."""
    written.add("a")
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    RunIndex(store).summaries()
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == before


def test_the_cache_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRACKHUB_CACHE is the folder itself; else it is trackhub in the user's cache folder."""
    monkeypatch.setenv("TRACKHUB_CACHE", "/a")
    assert cache_folder() == Path("/a")
    monkeypatch.delenv("TRACKHUB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_folder() == Path("/b/trackhub")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/c")
    assert cache_folder() == Path("/c/.cache/trackhub")


def test_an_absent_store_has_no_runs(tmp_path: Path) -> None:
    """A store that is not there lists nothing, and none is made."""
    assert RunIndex(Store(tmp_path / "nowhere")).summaries() == []
    assert not (tmp_path / "nowhere").exists()
