"""Move runs about, and write them from several processes: a folder is a run, wherever it lies."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trackhub_local.lock import locked

from trackhub.errors import RetryLater
from trackhub.model.entities import Batch, MetricPoint, ParentRun
from trackhub.testing import Bench, Setup, Target

FolderOf = Callable[[Any], Path]


def points(count: int, first: int = 0) -> tuple[MetricPoint, ...]:
    return tuple(MetricPoint("loss", number / 3, number, 1000 + number) for number in range(first, first + count))


def told(calls: Any, record: Any) -> dict[str, Any]:
    """Return all that can be read of a run, but where it lies."""
    ref = record.ref
    files = {file.path: file for file in calls.list_artifacts(ref)}
    said = {key: str(getattr(record, key)) for key in record.__struct_fields__ if key != "ref"}
    return {**said, "points": calls.read_metrics(ref), "files": files}


@pytest.fixture
def run(bench: Bench) -> Any:
    parent = bench.begin()
    run = bench.begin(project="a/b", name="Ünï/cödé", parent=ParentRun(id=parent.info.id), group="sweep")
    run.params({"lr": 0.1, "nan": float("nan"), "big": 2**80})
    run.tags({"phase": "one"})
    run.environment({"host": {"name": "a"}})
    run.points([*points(50), MetricPoint("epoch", 3, 3.0, 7)])
    run.artifact("net", {"a": b"1", "b/c": b"2"}, type="model")
    run.artifact("net", {"a": b"3"}, type="model", version=2)
    run.end("killed", reason="SIGTERM")
    return run


@pytest.mark.parametrize("place", ["", "copy", "some project/copy", "a%2Fb/{id}"])
@pytest.mark.parametrize("ended", [True, False])
def test_a_copy_is_the_same_run(  # noqa: PLR0917 - pytest gives them by name
    bench: Bench, run: Any, folder_of: FolderOf, tmp_path: Path, place: str, ended: bool, kind: str
):
    """A run's folder that is copied to another machine, at any depth and under any name, reads as the same run."""
    if not ended:
        run.batch(points(9, 51), start=51)
    stick = tmp_path / "stick"
    shutil.copytree(folder_of(run), stick / place.format(id=run.info.id))
    here, there = bench.open(), bench.open(f"local:{stick}?metrics={kind}")
    (found,) = there.search_runs(None)
    assert told(there, found) == told(here, here.read_run(run.info.id, "a/b"))
    assert [one.id for one in there.search_runs("a/b")] == [run.info.id]
    assert there.search_runs("a") == ()
    assert told(there, there.read_run(run.info.id, "a/b")) == told(there, there.read_run(run.info.id, None))
    target = tmp_path / "target"
    there.download_artifact(found.ref, "net/b/c", str(target))
    assert target.read_bytes() == b"2"


def test_a_copy_without_the_hidden_folder_is_the_same_run(bench: Bench, run: Any, folder_of: FolderOf, tmp_path: Path):
    """A run that has ended needs nothing but the files that people see."""
    stick = tmp_path / "stick"
    shutil.copytree(folder_of(run), stick / "copy", ignore=shutil.ignore_patterns(".*"))
    here, there = bench.open(), bench.open(f"local:{stick}")
    (found,) = there.search_runs(None)
    assert told(there, found) == told(here, here.read_run(run.info.id, "a/b"))
    assert not (stick / "copy/.trackhub").exists()


def test_reading_needs_no_right_to_write(bench: Bench, run: Any, folder_of: FolderOf):
    """Reading a run makes no file and changes none."""
    folder = folder_of(run)

    def state() -> dict[str, Any]:
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in [folder, *folder.rglob("*")]}

    before = state()
    run.record(), run.held(), run.contents(), bench.read.search(None)
    assert state() == before


def test_one_id_in_two_projects_is_two_runs(bench: Bench):
    """A run that was imported into another project lies beside the one it came from."""
    one = bench.begin(project="p")
    other = bench.begin(project="q", id=one.info.id)
    one.points(points(3))
    other.points(points(2))
    assert (len(one.held()), len(other.held())) == (3, 2)
    assert {record.project for record in bench.read.search(None)} == {"p", "q"}
    assert bench.read.run(one.info.id, "q").points == 2


def test_two_stores_that_deliver_one_run(base: Path, tmp_path: Path, kind: str):
    """Backends that take turns at one run, each with its own memory, double nothing and lose nothing."""
    bench = Bench(Setup(target=Target(url=f"local:{base}?metrics={kind}")), tmp_path)
    run = bench.begin()
    first, second = bench.open(), bench.open()
    for start in range(0, 40, 4):
        for calls in (first, second, first):
            calls.log_metrics(run.ref, points(4, start), Batch(start=start))
            calls.set_tags(run.ref, ())
    assert run.held() == list(points(40))
    bench.close()


_WRITER = """
import sys
from trackhub.backend import Destination
from trackhub.model.entities import Batch, MetricPoint, RunRef, Tag
from trackhub_local.options import LocalOptions
from trackhub_local.plugin import open_backend
url, ref, who = sys.argv[1:]
destination = Destination.parse(url)
backend = open_backend(destination, LocalOptions(**destination.query))
for start in range(0, 400, 10):
    points = tuple(MetricPoint("loss", n / 3, n, 1000 + n) for n in range(start, start + 10))
    backend.trackhub_log_metrics(RunRef(id=ref), points, Batch(start=start))
    backend.trackhub_set_tags(RunRef(id=ref), (Tag(f"{who}-{start}", who, 0),))
backend.trackhub_close()
"""


def test_processes_that_write_one_run_at_once(bench: Bench, base: Path, kind: str):
    """They wait for each other: every tag of each is there, and every point once."""
    run = bench.begin()
    command = [sys.executable, "-c", _WRITER, f"local:{base}?metrics={kind}", run.ref.id]
    writers = [subprocess.Popen([*command, who]) for who in ("one", "two", "three")]
    readings = 0
    while any(writer.poll() is None for writer in writers):
        held = run.held()
        assert held == list(points(len(held)))
        assert run.record().points >= len(held)
        readings += 1
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert readings
    assert Counter(run.held()) == Counter(points(400))
    assert len(run.record().tags) == 120


def test_a_lock_that_is_held_is_waited_for_and_told(tmp_path: Path):
    """A hook waits for another process a while, and then says that it is there."""
    lock = tmp_path / "run/.trackhub/lock"
    lock.parent.mkdir(parents=True)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with locked(lock):
        waiting = locked(lock, clock=lambda: now[0], sleep=sleep)
        with pytest.raises(RetryLater, match=f"{tmp_path}/run: another process writes there"):
            waiting.__enter__()
        assert 20 <= now[0] < 21
    with locked(lock, sleep=lambda _: pytest.fail("a lock that is free is waited for")):
        pass


def test_a_lock_is_free_once_its_holder_is_done(tmp_path: Path):
    """Who waits goes on as soon as it is free."""
    lock, order = tmp_path / "lock", []

    def hold() -> None:
        with locked(lock):
            order.append("first")
            began.set()
            time.sleep(0.05)
            order.append("done")

    began = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    began.wait()
    with locked(lock):
        order.append("second")
    thread.join()
    assert order == ["first", "done", "second"]
