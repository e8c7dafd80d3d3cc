"""Reading from a vendor: the same views as from a store, and every difference to the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.fakes import calls_to
from support.mirror import Mirror

from trackhub import hookimpl
from trackhub.errors import PluginError
from trackhub.journal.store import RunFolder
from trackhub.model.entities import RunInfo, RunRecord, RunRef, StoredFile
from trackhub.model.events import ArtifactLogged, FileEntry
from trackhub.query.compare import verify
from trackhub.query.vendor import vendor_runs

NAN = float("nan")
SHA = "a" * 64


class WriteOnly:
    """Be a vendor that can be written to and not read."""

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        raise NotImplementedError


class NoPoints(WriteOnly):
    """Be a vendor that tells a run, but neither its points nor its files."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record

    @hookimpl
    def trackhub_read_run(self) -> RunRecord:
        return self.record


@pytest.fixture
def folder(written: Any) -> RunFolder:
    """Return a run with all kinds of content."""
    file = FileEntry(path="model.pt", sha256=SHA, size=10)
    return written.add(
        "forest-1",
        params={"depth": 4, "lr": 1e-3, "nan": NAN, "flag": True, "sizes": [1, NAN], "big": 2**80},
        tags={"phase": "baseline"},
        rows=[(1, {"loss": NAN, "acc": 0.5}), (1, {"loss": NAN}), (None, {"acc": 2**70}), (0.5, {"ok": True})],
        events=[ArtifactLogged(time=written.tick(), name="weights", type="model", files=(file,))],
    )


def compare(folder: RunFolder, mirror: object) -> Any:
    return verify(folder, calls_to(mirror))


def test_a_faithful_vendor_is_equal(folder: RunFolder) -> None:
    """What was logged and what is read back are equal: NaN, repeated steps and big ints included."""
    report = compare(folder, Mirror(folder))
    assert report.equal
    assert report.ours == report.theirs == {"params": 6, "tags": 1, "points": 5, "files": 1}
    assert (report.run, report.name, report.destination) == (folder.id, "forest-1", "fake://vendor")
    assert report.unchecked == ()


def test_a_vendor_may_keep_params_as_text_and_times_to_the_millisecond(folder: RunFolder) -> None:
    """A param's text is the param, and microseconds are nobody's loss."""
    mirror = Mirror(folder)
    assert mirror.record is not None
    mirror.change(
        params={"depth": "4", "lr": "0.001", "nan": "NaN", "flag": "True", "sizes": "[1, NaN]", "big": str(2**80)},
        started=mirror.record.started + 999_999,
    )
    mirror.points = [msgspec.structs.replace(point, time=point.time + 999_999) for point in mirror.points]
    assert compare(folder, mirror).equal


@pytest.mark.parametrize("change", ["drop", "double", "step", "time", "value", "name"])
def test_a_point_that_differs_is_found(folder: RunFolder, change: str) -> None:
    """A point that is missing, doubled, moved, or rounded is a difference."""
    mirror = Mirror(folder)
    point = mirror.points.pop(1)
    changed = {
        "drop": [],
        "double": [point, point],
        "step": [msgspec.structs.replace(point, step=None)],
        "time": [msgspec.structs.replace(point, time=point.time + 10**6)],
        "value": [msgspec.structs.replace(point, value=point.value + 1e-12)],
        "name": [msgspec.structs.replace(point, name="acc2")],
    }[change]
    mirror.points += changed
    report = compare(folder, mirror)
    assert report.differing == {"points": 1 if change in {"drop", "double"} else 2}
    assert not report.equal


@pytest.mark.parametrize("name", ["top.txt", "model/MLmodel"])
def test_a_file_that_a_vendor_lists_by_its_path_alone_is_found(written: Any, name: str) -> None:
    """What was imported from a plain listing is one file under its own name there; without a digest its size tells."""
    file = FileEntry(path=name.rpartition("/")[2], sha256=SHA, size=10)
    logged = ArtifactLogged(time=written.tick(), name=name, type="file", files=(file,))
    folder = written.add("plain", events=[logged])
    mirror = Mirror(folder)
    mirror.files = [StoredFile(path=name, size=10)]
    report = compare(folder, mirror)
    assert (report.equal, report.theirs["files"]) == (True, 1)
    mirror.files = [StoredFile(path=name, size=11)]
    assert compare(folder, mirror).differing == {"files": 1}
    mirror.files = [StoredFile(path=name, size=10, artifact="other", file=name)]
    assert compare(folder, mirror).differing == {"files": 1}


def test_examples_are_bounded_and_counts_are_not(written: Any) -> None:
    """Of many differences some are shown, and all are counted."""
    folder = written.add(rows=[(step, {"x": 1.0}) for step in range(100)])
    mirror = Mirror(folder)
    mirror.points = []
    report = compare(folder, mirror)
    assert report.differing == {"points": 100}
    assert (report.ours["points"], report.theirs["points"]) == (100, 0)
    assert len(report.differences) == 10
    assert (report.differences[0].subject, report.differences[0].theirs) == ("x, step 0", None)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("status", {"status": "running"}),
        ("time", {"ended": 1}),
        ("params", {"params": {}}),
        ("tags", {"tags": {"phase": "other"}}),
    ],
)
def test_what_is_said_once_is_compared(folder: RunFolder, kind: str, change: dict[str, Any]) -> None:
    """Status, times, params and tags that differ are named."""
    mirror = Mirror(folder)
    mirror.change(**change)
    assert list(compare(folder, mirror).differing) == [kind]


@pytest.mark.parametrize(
    ("held", "equal"),
    [
        ([StoredFile(path="weights/model.pt", sha256=SHA)], True),
        ([StoredFile(path="weights/model.pt", size=10)], True),
        ([StoredFile(path="weights/model.pt")], True),
        ([StoredFile(path="elsewhere", artifact="weights", file="model.pt", sha256=SHA)], True),
        ([StoredFile(path="elsewhere", artifact="weights", file="model.pt", version=2, sha256=SHA)], False),
        ([StoredFile(path="weights/model.pt", sha256="b" * 64, size=10)], False),
        ([StoredFile(path="weights/model.pt", size=11)], False),
        ([], False),
    ],
)
def test_files_are_compared_by_what_the_vendor_tells(folder: RunFolder, held: list[StoredFile], equal: bool) -> None:
    """A file is held against its digest, else against its size, else it is there."""
    mirror = Mirror(folder)
    mirror.files = held
    report = compare(folder, mirror)
    assert report.equal is equal
    assert list(report.differing) == ([] if equal else ["files"])


def test_a_run_that_is_not_there_is_one_difference(folder: RunFolder) -> None:
    """A vendor that does not know the run differs in all of it."""
    mirror = Mirror(folder)
    mirror.record = None
    assert compare(folder, mirror).differing == {"run": 1}


def test_what_cannot_be_read_is_said(folder: RunFolder) -> None:
    """A backend without a hook to read leaves that unchecked; one that reads nothing cannot be verified."""
    record = Mirror(folder).record
    assert record is not None
    report = compare(folder, NoPoints(record))
    assert report.equal
    assert report.unchecked == ("points", "files")
    with pytest.raises(PluginError, match="has no trackhub_read_run"):
        compare(folder, WriteOnly())


def test_a_vendors_runs_look_like_a_stores(folder: RunFolder) -> None:
    """The same filters, orders and views serve a vendor's runs."""
    calls = calls_to(Mirror(folder))
    (run,) = vendor_runs(calls, "digits", where="metrics.acc > 1 and params.depth = 4", order_by="name")
    assert (run.id, run.name, run.status) == (folder.id, "forest-1", "finished")
    assert run.history("acc").value.tolist() == [0.5, 2**70]
    assert [file.path for file in run.artifacts] == ["weights/model.pt"]
    assert run.artifact_path("weights").read_text() == "content of weights/model.pt"
    assert vendor_runs(calls, "digits", where="params.depth = 5") == []
    assert vendor_runs(calls, "elsewhere") == []


def test_without_a_project_a_vendor_tells_of_all(folder: RunFolder) -> None:
    """As in a store, the runs of every project are there where none is named."""
    (run,) = vendor_runs(calls_to(Mirror(folder)), None)
    assert run.project == "digits"


def test_a_vendors_path_cannot_lead_elsewhere(folder: RunFolder) -> None:
    """A download stays in the cache folder, whatever the vendor calls a file."""
    mirror = Mirror(folder)
    mirror.files = [StoredFile(path="../../../evil/../x")]
    (run,) = vendor_runs(calls_to(mirror), "digits")
    path = run.artifact_path("../../../evil/../x")
    assert path.is_relative_to(Path.home() / ".cache" / "trackhub" / "downloads")
    assert path.parts[-2:] == ("evil", "x")
