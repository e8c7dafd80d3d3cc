"""One run in several stores, brought between them by every way there is: each point is once in each."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testing.reference import ReferenceBackend
from transfer.conftest import Elsewhere
from transfer.test_importing import points

from trackhub import hookimpl
from trackhub.delivery.lock import RunLock
from trackhub.hub import new_import_header, segment_header
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.entities import MetricPoint
from trackhub.model.events import (
    ArtifactLogged,
    ModelAliasSet,
    ModelRegistered,
    ParamsLogged,
    RunEnded,
    RunResumed,
    TagsSet,
)
from trackhub.model.identity import NS_PER_MS, identity_of
from trackhub.query.summary import read_detail
from trackhub.transfer.stores import merge_store

MINUTE = 60 * 10**9


class Coarse(ReferenceBackend):
    """Be a vendor that keeps whole milliseconds."""

    @hookimpl
    def trackhub_read_columns(self, ref):
        for series in super().trackhub_read_columns(ref):
            yield msgspec.structs.replace(series, time=series.time // NS_PER_MS * NS_PER_MS)

    def record_of(self, held):
        record = super().record_of(held)
        ended = None if record.ended is None else record.ended // NS_PER_MS * NS_PER_MS
        return msgspec.structs.replace(record, ended=ended)


def merge(source: Store, target: Store):
    return merge_store(source, target, new_import_header)


def essence(folder: RunFolder) -> tuple:
    detail = read_detail(folder)
    run = detail.summary
    artifacts = {(one.name, one.type, one.files) for one in detail.artifacts}
    newest = {one.name: one.files for one in detail.artifacts}
    kept = sorted(path.name for path in folder.artifacts.glob("*"))
    models = {(one.model, one.artifact, one.version, one.moves) for one in run.models}
    ended = None if run.ended is None else run.ended // NS_PER_MS
    return run.status, ended, run.reason, run.params, run.tags, artifacts, newest, kept, models, detail.environment


class Machines:
    """Hold a run's original store, a vendor, an exporting folder, and two other machines' stores."""

    def __init__(self, folder: Path) -> None:
        self.vendor = Elsewhere(folder, Coarse)
        self.folder = Elsewhere(folder / "exported")
        self.written = self.vendor.run()
        self.id = self.written.id
        self.stores = [Store(self.vendor.origin), Store(folder / "b"), Store(folder / "c")]
        self.logged = Counter(map(identity_of, self.written.points))
        self.now = self.written.now
        self.names = itertools.count()
        self.is_open = True

    def held(self, place: int) -> RunFolder | None:
        return self.stores[place].find(self.id)

    def log(self, place: int, end: bool) -> None:
        """Resume the run on a machine that has it, and log more, some of it twice at one time."""
        folder = self.held(place)
        if folder is None or not folder.begun:
            return
        number = next(self.names)
        self.now += MINUTE
        attempt = f"{'abc'[place]}{number}"
        writer = JournalWriter(folder.journal, lambda: segment_header(folder, attempt, role="run"))
        writer.append(RunResumed(time=self.now, attempt=attempt))
        for step in range(3):
            self.now += 1_234_567
            for _ in range(1 + (step == 1)):
                writer.row_at(self.now, {"loss": number + step / 3, "acc": 0.5}, step)
                self.logged.update(
                    identity_of(MetricPoint(name, value, step, self.now))
                    for name, value in {"loss": number + step / 3, "acc": 0.5}.items()
                )
        writer.append(TagsSet(time=self.now + 1, tags={"owner": f"owner {number}", attempt: "yes"}))
        writer.append(ParamsLogged(time=self.now + 2, params={"lr": number}, overwrite=True))
        writer.append(ParamsLogged(time=self.now + 2, params={f"p{number}": number}))
        entry = ArtifactStore(folder.artifacts).keep_bytes(attempt.encode(), "it.txt")
        writer.append(ArtifactLogged(time=self.now + 3, name="it", type="file", files=(entry,)))
        writer.append(ModelRegistered(time=self.now + 4, model="m", artifact="it", files=(entry,)))
        writer.append(ModelAliasSet(time=self.now + 5, model="m", alias="best", artifact="it", files=(entry,)))
        self.now += 10
        if end:
            writer.append(RunEnded(time=self.now, status="failed", attempt=attempt, reason=attempt))
        self.is_open |= not end
        writer.close()

    def end(self) -> None:
        """End the first attempt."""
        self.written.end()
        self.is_open = False

    def check(self) -> None:
        for place in range(3):
            folder = self.held(place)
            if folder is not None:
                assert not points(folder) - self.logged

    def do(self, what: str, source: int, target: int, cut: float) -> None:
        if what == "log":
            self.log(source, end=cut > 0.2)
        elif what == "deliver":
            self.vendor.deliver(self.written)
        elif what == "export":
            self.folder.deliver(self.written)
        else:
            folder = self.held(target)
            before = {path: path.read_bytes() for path in folder.segments()} if folder else {}
            if what == "merge" and source != target:
                assert all(run.error is None for run in merge(self.stores[source], self.stores[target]).runs)
            elif what in {"vendor", "folder"}:
                getattr(self, what).bring(self.stores[target].path)
            if cut < 0.9:
                self.cut(target, before, cut)

    def cut(self, target: int, before: dict[Path, bytes], share: float) -> None:
        """Leave the journal as a kill in the middle would have: segments came one after the other."""
        folder = self.held(target)
        added = [] if folder is None else [path for path in folder.segments() if before.get(path) != path.read_bytes()]
        for number, path in enumerate(added):
            data = path.read_bytes()
            if number + 1 > share * len(added) and path in before:
                path.write_bytes(before[path])
            elif number + 1 > share * len(added) and number != int(share * len(added)):
                path.unlink()
            elif number == int(share * len(added)) and path not in before:
                path.write_bytes(data[: int(share * len(data))])

    def settle(self) -> None:
        """Bring everything everywhere, until nothing is left to bring."""
        for _ in range(3):
            for source, target in itertools.permutations(range(3), 2):
                merge(self.stores[source], self.stores[target])
                self.check()


ACTS = st.tuples(
    st.sampled_from(["log", "log", "deliver", "export", "vendor", "folder", "merge", "merge", "merge"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.floats(0, 1.5),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, min_size=2, max_size=12), st.booleans())
@pytest.mark.timeout(120)
def test_each_point_is_once_in_each_store(acts, ended):
    """Imported from a vendor, a folder or a store, in any order, again, cut off, with more logged in between."""
    with tempfile.TemporaryDirectory() as folder:
        machines = Machines(Path(folder))
        if ended:
            machines.end()
        for act in acts:
            machines.do(*act)
            machines.check()
        machines.settle()
        for place in range(3):
            assert points(machines.held(place)) == machines.logged
            # Of an attempt that is open, only the machine on which it runs knows how it stands.
            known = 3 * machines.is_open
            assert essence(machines.held(place))[known:] == essence(machines.held(0))[known:]
        again = [
            merge(machines.stores[source], machines.stores[target]).runs[0].added
            for source, target in itertools.permutations(range(3), 2)
        ]
        assert again == [{}] * 6


@pytest.fixture
def machines(tmp_path) -> Machines:
    return Machines(tmp_path)


@pytest.mark.parametrize("way", ["vendor", "folder"])
@pytest.mark.parametrize("ended", [True, False])
def test_a_store_after_an_import_of_the_same_run(machines, way, ended):
    """What came by a vendor or a folder is not there twice when the store itself is imported."""
    if ended:
        machines.written.end()
    machines.do("deliver", 0, 0, 1)
    machines.do("export", 0, 0, 1)
    machines.do(way, 0, 1, 1)
    there, here = machines.held(0), machines.held(1)
    [run] = merge(machines.stores[0], machines.stores[1]).runs
    # Its process is gone for long, which only the original store can tell.
    assert (run.error, run.added, run.points) == (None, {} if ended else {"ends": 1}, 86)
    assert points(here) == points(there) == machines.logged
    assert essence(here) == essence(there)
    machines.log(0, end=True)
    [run] = merge(machines.stores[0], machines.stores[1]).runs
    assert run.added == {"points": 8, "params": 2, "tags": 2, "files": 1, "models": 2, "ends": 1}
    assert points(here) == points(there) == machines.logged
    assert essence(here) == essence(there)
    assert merge(machines.stores[0], machines.stores[1]).runs[0].added == {}


@pytest.mark.parametrize("way", ["vendor", "folder"])
def test_an_import_after_the_store(machines, way):
    """The other way round, too: a vendor that keeps whole milliseconds has nothing new of what is here exactly."""
    machines.written.end()
    machines.do("deliver", 0, 0, 1)
    machines.do("export", 0, 0, 1)
    merge(machines.stores[0], machines.stores[1])
    for place in (0, 1):
        [run] = getattr(machines, way).bring(machines.stores[place].path).runs
        assert (run.added, points(machines.held(place))) == ({}, machines.logged)


def test_what_was_added_after_an_import_comes_back(machines):
    """A run that went on where it was imported is brought to where it began: how it ended, too."""
    machines.written.end()
    machines.do("deliver", 0, 0, 1)
    machines.do("vendor", 0, 1, 1)
    machines.log(1, end=True)
    [run] = merge(machines.stores[1], machines.stores[0]).runs
    assert (run.status, run.added["points"]) == ("failed", 8)
    assert points(machines.held(0)) == machines.logged
    assert essence(machines.held(0)) == essence(machines.held(1))


def test_a_run_that_goes_on_elsewhere_runs(machines):
    """Resumed where it was imported and not ended yet, it runs here as well; then it ends."""
    machines.written.end()
    machines.do("deliver", 0, 0, 1)
    machines.do("vendor", 0, 1, 1)
    folder = machines.held(1)
    writer = JournalWriter(folder.journal, lambda: segment_header(folder, "zz", role="run"))
    machines.now += MINUTE
    writer.append(RunResumed(time=machines.now, attempt="zz"))
    assert merge(machines.stores[1], machines.stores[0]).runs[0].status == "running"
    writer.append(RunEnded(time=machines.now + MINUTE, status="killed", attempt="zz", reason="SIGTERM"))
    [run] = merge(machines.stores[1], machines.stores[0]).runs
    assert (run.status, run.added) == ("killed", {"ends": 1})
    assert merge(machines.stores[1], machines.stores[0]).runs[0].added == {}


def test_a_run_that_crashed_there_has_crashed_here(machines):
    """Nobody here can look for its process, so that what is known there is written down."""
    machines.do("deliver", 0, 0, 1)
    machines.do("vendor", 0, 1, 1)
    assert read_detail(machines.held(1)).summary.status == "running"
    [run] = merge(machines.stores[0], machines.stores[1]).runs
    assert (run.status, run.added) == ("crashed", {"ends": 1})


def test_a_repetition_that_was_logged_stays_one(machines):
    """One value at one step and one time, logged twice, is two points everywhere."""
    machines.written.writer.row_at(machines.now, {"again": 1.0}, 1)
    machines.do("deliver", 0, 0, 1)
    machines.do("vendor", 0, 1, 1)
    machines.written.writer.row_at(machines.now, {"again": 1.0}, 1)
    machines.written.end()
    for _ in range(2):
        merge(machines.stores[0], machines.stores[1])
        assert sorted(points(machines.held(1))[key] for key in points(machines.held(1)) if key[0] == "again") == [2]


def test_one_import_of_a_run_at_a_time(machines):
    """While another process brings the run, this one says so and leaves it."""
    merge(machines.stores[0], machines.stores[1])
    lock = RunLock(machines.held(1).path / "import.lock")
    assert lock.take()
    try:
        [run] = merge(machines.stores[0], machines.stores[1]).runs
    finally:
        lock.release()
    assert "imports this run; try again" in run.error
