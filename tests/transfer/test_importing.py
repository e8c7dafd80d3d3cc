"""Bring runs from a vendor into a store: once, again, after a kill, when the vendor has more."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from testing.reference import ReferenceBackend

from trackhub import hookimpl
from trackhub.delivery.ending import end_vanished
from trackhub.delivery.lock import RunLock
from trackhub.errors import Rejected, RetryLater, SettingsError
from trackhub.hub import new_delivery_header, segment_header
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.entities import MetricPoint, Note
from trackhub.model.events import MetricsLogged, RunResumed
from trackhub.model.identity import identity_of
from trackhub.query.compare import verify
from trackhub.query.summary import read_detail
from trackhub.transfer.identity import IMPORTED_ID, id_here


def points(folder: RunFolder) -> Counter:
    found: Counter = Counter()
    for placed in JournalReader(folder).events():
        if isinstance(placed.event, MetricsLogged):
            event = placed.event
            found.update(
                identity_of(MetricPoint(name, it, event.step, event.time)) for name, it in event.metrics.items()
            )
    return found


def essence(folder: RunFolder) -> tuple:
    """Return all that an import is to bring, without where it stands in the journal."""
    detail = read_detail(folder)
    run = detail.summary
    artifacts = sorted(
        (one.name, one.version, one.type, one.time, sorted(map(str, one.files))) for one in detail.artifacts
    )
    kept = sorted(path.name for path in folder.artifacts.glob("*"))
    one = (run.id, run.name, run.project, run.status, run.started, run.ended, run.reason, run.parent, run.group)
    return one, repr(run.params), run.tags, points(folder), artifacts, kept, detail.environment


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.suffix != ".lock" and path.is_file()}


def test_a_run_comes_whole(elsewhere, tmp_path):
    """Every point, param, tag, file, time and the status are here as they were logged there."""
    written = elsewhere.run()
    written.environment({"host": {"name": "node-1"}})
    written.end("failed", "ValueError: no")
    elsewhere.deliver(written)
    report = elsewhere.bring(tmp_path / "store")
    [run] = report.runs
    assert (run.id, run.name, run.project, run.status, run.error) == (written.id, "there", "p", "failed", None)
    assert (run.points, run.files, run.added["points"], run.added["files"]) == (86, 3, 86, 3)
    assert report.complete
    folder = Store(tmp_path / "store").find(written.id)
    assert verify(folder, elsewhere.calls).equal
    origin, here = essence(written.folder), essence(folder)
    assert here == origin


def test_again_adds_nothing(elsewhere, tmp_path):
    """A second import of the same changes no byte of the store."""
    written = elsewhere.run()
    written.end()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    files = {
        path: path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.suffix != ".lock" and path.is_file()
    }
    [run] = elsewhere.bring(tmp_path / "store").runs
    assert run.added == {}
    assert (run.points, run.files) == (86, 3)
    again = {
        path: path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.suffix != ".lock" and path.is_file()
    }
    assert again == files


def test_a_source_that_grew_adds_what_is_new(elsewhere, tmp_path):
    """A run that went on is brought up to date: points, tags, files, and its end."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    [first] = elsewhere.bring(tmp_path / "store").runs
    assert first.status == "running"
    written.rows(5, first=40)
    written.set_tags({"owner": "berta"})
    written.artifact("notes", {"notes.md": b"# done"})
    written.end()
    elsewhere.deliver(written)
    [run] = elsewhere.bring(tmp_path / "store").runs
    assert run.added == {"points": 5, "tags": 1, "files": 1, "ends": 1}
    folder = Store(tmp_path / "store").find(written.id)
    assert essence(folder) == essence(written.folder)


def test_points_that_came_late_are_added_once(elsewhere, tmp_path):
    """A source that now has points before those it had, as with one more file in a folder, gives only these."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    held = elsewhere.backend.vendor.load(written.id)
    early = [MetricPoint("loss", 9.0 + number, number, written.now - 10**9) for number in range(3)]
    held.points = dict(enumerate([*early, *(point for _, point in sorted(held.points.items()))]))
    elsewhere.backend.vendor.save(held)
    [run] = elsewhere.bring(tmp_path / "store").runs
    assert run.added == {"points": 3}
    folder = Store(tmp_path / "store").find(written.id)
    assert points(folder) == Counter(map(identity_of, held.points.values()))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_an_import_that_was_killed_goes_on(elsewhere, tmp_path, share):
    """Wherever it was cut off, in the middle of a record too, the next one ends with the same run."""
    written = elsewhere.run()
    written.end()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    folder = Store(tmp_path / "store").find(written.id)
    whole = essence(folder)
    [segment] = folder.segments()
    data = segment.read_bytes()
    for cut in range(int(share * len(data)), min(int(share * len(data)) + 40, len(data)), 3):
        for path in folder.segments():
            path.unlink()
        segment.write_bytes(data[:cut])
        for path in list(folder.artifacts.glob("*"))[: cut % 3]:
            path.unlink()
        [run] = elsewhere.bring(tmp_path / "store").runs
        assert run.error is None
        assert essence(folder) == whole


def test_a_run_that_is_not_ours_gets_an_id_that_stays(elsewhere, tmp_path):
    """An id that cannot be one here is mapped, the same each time, and kept as a tag; so is a parent's."""
    parent, child = elsewhere.run("parent"), elsewhere.run("child")
    elsewhere.deliver(parent)
    elsewhere.deliver(child)
    vendor = elsewhere.backend.vendor
    record_of = elsewhere.backend.record_of

    def foreign(held):
        record = record_of(held)
        number = {parent.id: "DIG-1", child.id: "DIG-2"}[record.id]
        return msgspec.structs.replace(record, id=number, parent="DIG-1" if number == "DIG-2" else None)

    elsewhere.backend.record_of = foreign
    report = elsewhere.bring(tmp_path / "store")
    assert [run.source_id for run in report.runs] == ["DIG-1", "DIG-2"]
    first, second = report.runs
    assert (first.id, second.id) == (id_here("reference", "p", "DIG-1"), id_here("reference", "p", "DIG-2"))
    here = read_detail(Store(tmp_path / "store").find(second.id)).summary
    assert (here.parent, here.tags[IMPORTED_ID]) == (first.id, "DIG-2")
    assert all(run.added == {} for run in elsewhere.bring(tmp_path / "store").runs)
    assert vendor.all()


def test_a_project_of_ones_own(elsewhere, tmp_path):
    """``into`` puts the runs where the user wants them; ``project`` takes only one of the source's."""
    one, other = elsewhere.run(project="p"), elsewhere.run(project="q")
    elsewhere.deliver(one)
    elsewhere.deliver(other)
    report = elsewhere.bring(tmp_path / "store", project="q", into="team/old")
    assert [(run.id, run.project) for run in report.runs] == [(other.id, "team/old")]
    assert read_detail(Store(tmp_path / "store").find(other.id)).summary.project == "team/old"


def test_a_source_that_asks_for_a_project_gets_the_one_of_here(elsewhere_of, tmp_path):
    """``into`` serves as the project of runs that have none, and the report says for what was asked."""

    class Homeless(ReferenceBackend):
        @hookimpl
        def trackhub_search_runs(self, project):
            if project is None:
                raise SettingsError("name a project")
            return tuple(msgspec.structs.replace(self.record_of(held), project=project) for held in self.vendor.all())

    elsewhere = elsewhere_of(Homeless)
    elsewhere.deliver(elsewhere.run())
    with pytest.raises(SettingsError, match="name a project"):
        elsewhere.bring(tmp_path / "store")
    report = elsewhere.bring(tmp_path / "store", into="a/b")
    assert [(run.project, run.points) for run in report.runs] == [("a/b", 86)]
    assert [(note.kind, note.subject) for note in report.notes] == [("one project", "a/b")]
    assert report.complete


def test_a_run_that_is_here_stays_in_its_project(elsewhere, tmp_path):
    """``into`` moves nothing that was imported before, and a note says so."""
    elsewhere.deliver(elsewhere.run())
    elsewhere.bring(tmp_path / "store")
    [run] = elsewhere.bring(tmp_path / "store", into="q").runs
    assert (run.project, run.added) == ("p", {})
    assert [(note.kind, note.subject) for note in run.notes] == [("not moved", "q")]
    assert "in project 'p', and stays there" in run.notes[0].detail
    assert elsewhere.bring(tmp_path / "store", into="p").runs[0].notes == ()


def test_runs_of_one_name_keep_names_of_their_own(elsewhere, tmp_path):
    """Names stay unique in a project; the same run keeps its own at each import, and a new one is told."""
    runs = [elsewhere.run("same") for _ in range(3)]
    for run in runs:
        elsewhere.deliver(run)
    for _ in range(2):
        report = elsewhere.bring(tmp_path / "store")
        assert sorted(run.name for run in report.runs) == ["same", "same-2", "same-3"]
        renamed = {run.name: [(note.kind, note.subject, note.detail) for note in run.notes] for run in report.runs}
        assert renamed == {
            "same": [],
            "same-2": [("renamed", "same", "it is 'same-2' here")],
            "same-3": [("renamed", "same", "it is 'same-3' here")],
        }
    names = [read_detail(folder).summary.name for folder in Store(tmp_path / "store").runs()]
    assert sorted(names) == ["same", "same-2", "same-3"]


def test_a_running_run_is_not_taken_for_crashed(elsewhere, tmp_path):
    """The importer's end says nothing of a run that goes on elsewhere."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    folder = Store(tmp_path / "store").find(written.id)
    assert not end_vanished(folder, new_delivery_header(folder), silence_s=0.0)
    assert read_detail(folder, silence_s=0.0).summary.status == "running"


def test_what_was_logged_here_is_not_overruled(elsewhere, tmp_path):
    """A run that went on here keeps its own params, tags and status; what is missing is added, the rest told."""
    written = elsewhere.run()
    written.end("failed")
    elsewhere.deliver(written)
    store = tmp_path / "store"
    shutil.copytree(elsewhere.origin, store)
    folder = Store(store).find(written.id)
    held = elsewhere.backend.vendor.load(written.id)
    held.params |= {"lr": 0.5, "extra": 1}
    held.tags |= {"owner": "someone", "new": "yes"}
    held.status = "finished"
    elsewhere.backend.vendor.save(held)
    [run] = elsewhere.bring(store).runs
    assert run.added == {"params": 1, "tags": 1}
    assert {(note.kind, note.subject) for note in run.notes} == {("kept ours", "lr"), ("kept ours", "owner")}
    here = read_detail(folder).summary
    assert (here.params["lr"], here.params["extra"], here.tags["owner"], here.status) == (1e-3, 1, "anna", "failed")


def test_a_run_that_was_imported_goes_on_here(elsewhere, tmp_path):
    """Resumed on this machine, an imported run is one of ours; importing again disturbs nothing."""
    written = elsewhere.run()
    written.end()
    elsewhere.deliver(written)
    store = tmp_path / "store"
    elsewhere.bring(store)
    folder = Store(store).find(written.id)
    writer = JournalWriter(folder.journal, lambda: segment_header(folder, "zz", role="run"))
    writer.append(RunResumed(time=written.now + 10, attempt="zz"))
    writer.row_at(written.now + 20, {"loss": 0.125}, 41)
    [run] = elsewhere.bring(store).runs
    assert run.added == {}
    assert read_detail(folder).summary.status == "running"


def test_secrets_stay_out(elsewhere, tmp_path):
    """What a vendor holds in clear is redacted before the journal, and told."""
    written = elsewhere.run()
    written.set_params({"db.password": "hunter2"})
    elsewhere.deliver(written)
    [run] = elsewhere.bring(tmp_path / "store").runs
    assert [(note.kind, note.subject) for note in run.notes] == [("redacted", "db.password")]
    assert b"hunter2" not in b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*.seg"))
    assert elsewhere.bring(tmp_path / "store").runs[0].added == {}


def test_packages_are_no_secrets(elsewhere, tmp_path):
    """A package may be called as a key of secrets is; its version comes through, and a token in it does not."""
    written = elsewhere.run()
    packages = {"google-auth": "2.29.0", "PyJWT": "2.8.0", "mine": "https://me:hunter22@host/mine.git"}
    written.environment({"python": {"packages": packages}, "variables": {"API_KEY": "hunter22", "HOME": "/root"}})
    elsewhere.deliver(written)
    [run] = elsewhere.bring(tmp_path / "store").runs
    brought = read_detail(Store(tmp_path / "store").find(written.id)).environment
    assert brought["python"]["packages"] == packages | {"mine": "https://[redacted]@host/mine.git"}
    assert brought["variables"] == {"API_KEY": "[redacted]", "HOME": "/root"}
    assert {note.subject for note in run.notes} == {"environment.python.packages", "environment.variables.API_KEY"}


def test_a_file_that_is_not_given_is_named(elsewhere_of, tmp_path):
    """The run comes without it, and the report says which and why; a later import gets it."""

    class Lost(ReferenceBackend):
        lost = True

        @hookimpl
        def trackhub_download_artifact(self, ref, path, target):
            if self.lost and path.endswith(":sub/b.bin"):
                raise Rejected("it is gone")
            super().trackhub_download_artifact(ref, path, target)

    elsewhere = elsewhere_of(Lost)
    written = elsewhere.run()
    written.end()
    elsewhere.deliver(written)
    report = elsewhere.bring(tmp_path / "store")
    assert report.left_out == {"missing file": 1}
    assert report.complete
    assert report.runs[0].notes == (Note(kind="missing file", subject="weights@1:sub/b.bin", detail="it is gone"),)


def test_a_file_that_the_source_may_still_have_is_an_error(elsewhere_of, tmp_path):
    """The run comes without it, is not counted as whole, and the next import brings it."""

    class Trouble(ReferenceBackend):
        trouble = True

        @hookimpl
        def trackhub_download_artifact(self, ref, path, target):
            if self.trouble and path.endswith(":sub/b.bin"):
                raise PermissionError("not now")
            super().trackhub_download_artifact(ref, path, target)

    elsewhere = elsewhere_of(Trouble)
    elsewhere.deliver(elsewhere.run())
    report = elsewhere.bring(tmp_path / "store")
    assert (report.complete, report.left_out) == (False, {"unfetched file": 1})
    assert "1 of its files could not be fetched" in report.runs[0].error
    elsewhere.backend.trouble = False
    report = elsewhere.bring(tmp_path / "store")
    assert report.complete
    [folder] = Store(tmp_path / "store").runs()
    assert [(one.version, len(one.files)) for one in read_detail(folder).artifacts] == [(1, 2), (2, 1)]


def test_files_out_of_reach_keep_nothing_else_away(elsewhere_of, tmp_path):
    """The other files and the run's end come; a source that answers for none is not asked for each."""

    class Away(ReferenceBackend):
        asked = 0
        reach = "weights@1:a.bin"

        @hookimpl
        def trackhub_download_artifact(self, ref, path, target):
            self.asked += 1
            if self.reach not in {"all", path}:
                raise RetryLater("nobody answers")
            super().trackhub_download_artifact(ref, path, target)

    elsewhere = elsewhere_of(Away)
    written = elsewhere.run()
    for number in range(20):
        written.artifact(f"more {number}", {"it": b"more %d" % number})
    written.end()
    elsewhere.deliver(written)
    [run] = elsewhere.bring(tmp_path / "store").runs
    assert elsewhere.backend.asked == 4
    assert "files could not be fetched" in run.error
    assert read_detail(Store(tmp_path / "store").find(written.id)).summary.status == "finished"
    elsewhere.backend.reach = "all"
    [run] = elsewhere.bring(tmp_path / "store").runs
    assert (run.error, run.added) == (None, {"files": 23})
    assert essence(Store(tmp_path / "store").find(written.id)) == essence(written.folder)


def test_what_a_source_cannot_read_is_not_complete(elsewhere_of, tmp_path):
    """A folder or a run that it has and cannot look into is not here; what it only tells is no failure."""

    class Noting(ReferenceBackend):
        kind = "unreadable"

        @hookimpl
        def trackhub_read_notes(self):
            return (Note(kind=self.kind, subject="x", detail="permission denied"),)

    elsewhere = elsewhere_of(Noting)
    elsewhere.deliver(elsewhere.run())
    assert not elsewhere.bring(tmp_path / "store").complete
    elsewhere.backend.kind = "damaged"
    assert elsewhere.bring(tmp_path / "store").complete


def test_a_source_that_goes_away_is_no_loss(elsewhere_of, tmp_path):
    """One run's error is told with the run, the others come, and the next import brings the rest."""

    class Away(ReferenceBackend):
        away = True

        @hookimpl
        def trackhub_read_metrics(self, ref):
            if self.away and ref.id == self.which:
                raise RetryLater("nobody answers")
            return super().trackhub_read_metrics(ref)

        @hookimpl
        def trackhub_read_columns(self, ref):
            if self.away and ref.id == self.which:
                raise RetryLater("nobody answers")
            return super().trackhub_read_columns(ref)

    elsewhere = elsewhere_of(Away)
    runs = [elsewhere.run(f"n{number}") for number in range(3)]
    for run in runs:
        elsewhere.deliver(run)
    elsewhere.backend.which = runs[1].id
    report = elsewhere.bring(tmp_path / "store")
    assert not report.complete
    assert {run.id: run.error for run in report.runs if run.error} == {runs[1].id: "nobody answers"}
    elsewhere.backend.away = False
    report = elsewhere.bring(tmp_path / "store")
    assert report.complete
    assert [run.points for run in report.runs] == [86, 86, 86]


def test_one_import_of_a_run_at_a_time(elsewhere, tmp_path):
    """While another process imports a run, this one says so and leaves it."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    lock = RunLock(Store(tmp_path / "store").find(written.id).path / "import.lock")
    assert lock.take()
    try:
        [run] = elsewhere.bring(tmp_path / "store").runs
    finally:
        lock.release()
    assert "imports this run; try again" in run.error


def test_progress_is_told(elsewhere, tmp_path):
    """How many runs are done, of how many."""
    for name in ("a", "b"):
        elsewhere.deliver(elsewhere.run(name))
    told = []
    elsewhere.bring(tmp_path / "store", progress=lambda *step: told.append(step))
    assert [step[:2] for step in told] == [(0, 2), (1, 2), (2, 2)]
    assert {step[2] for step in told} == {"a", "b", ""}
