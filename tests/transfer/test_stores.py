"""Bring one store's runs into another."""

from __future__ import annotations

import pytest

from trackhub.errors import SettingsError, StoreError
from trackhub.hub import new_import_header
from trackhub.journal.store import Store
from trackhub.query.runs import find
from trackhub.testing.journals import WrittenRun
from trackhub.transfer.stores import merge_store


def files(store: Store) -> dict[str, bytes]:
    """Return what lies in a store's runs, but for locks and what concerns destinations."""
    kept = [path for path in store.path.rglob("*") if path.is_file() and path.parent.name in {"journal", "artifacts"}]
    return {str(path.relative_to(store.path)): path.read_bytes() for path in kept}


@pytest.fixture
def written(tmp_path) -> WrittenRun:
    run = WrittenRun(tmp_path / "there", project="team/p", name="there")
    run.rows(20)
    run.artifact("weights", {"a.bin": b"1", "b.bin": b"22"}, "model")
    return run


def test_runs_come_as_they_are(written, tmp_path):
    """Byte for byte the same journal and artifacts; found by name."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    [run] = merge_store(there, here, new_import_header).runs
    assert (run.name, run.project, run.points, run.files, run.error) == ("there", "team/p", 20, 2, None)
    assert run.added == {"runs": 1, "segments": 1, "files": 2}
    assert files(here) == files(there)
    assert find(here, "there").id == written.id


def test_what_was_added_since_follows(written, tmp_path):
    """A run that went on there is brought up to date; what is here already is not touched."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    merge_store(there, here, new_import_header)
    assert merge_store(there, here, new_import_header).runs[0].added == {}
    written.rows(5, first=20)
    written.end()
    written.resume()
    assert merge_store(there, here, new_import_header).runs[0].added == {"segments": 2}
    assert files(here) == files(there)


def test_both_may_have_gone_on(written, tmp_path):
    """Each store's own segments stay, and both have all of them in the end; the longer copy of one is kept."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    merge_store(there, here, new_import_header)
    written.rows(5, first=20)
    ours = here.find(written.id)
    (ours.journal / "zz.seg").write_bytes((ours.journal / "w1.seg").read_bytes())
    merge_store(there, here, new_import_header)
    merge_store(here, there, new_import_header)
    assert files(here) == files(there)
    assert merge_store(here, there, new_import_header).runs[0].added == {}


def test_a_copy_that_differs_is_said(written, tmp_path):
    """One writer cannot have written both: nothing is overwritten, and the report names the file."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    merge_store(there, here, new_import_header)
    segment = here.find(written.id).journal / "w1.seg"
    data = bytearray(segment.read_bytes())
    data[100] ^= 1
    segment.write_bytes(data)
    report = merge_store(there, here, new_import_header)
    assert not report.complete
    assert "w1.seg: it differs from" in report.runs[0].error
    assert segment.read_bytes() == bytes(data)


def test_only_a_project(written, tmp_path):
    """Another project's runs are left out."""
    WrittenRun(tmp_path / "there", project="q")
    report = merge_store(Store(tmp_path / "there"), Store(tmp_path / "here"), new_import_header, project="q")
    assert [run.project for run in report.runs] == ["q"]


def test_by_the_public_function(written, tmp_path):
    """A folder that is a store is recognised; its runs keep their project."""
    import trackhub

    report = trackhub.import_runs(tmp_path / "there", store=tmp_path / "here")
    assert [run.id for run in report.runs] == [written.id]
    with pytest.raises(SettingsError, match="keep their project"):
        trackhub.import_runs(tmp_path / "there", store=tmp_path / "here", into="other")
    with pytest.raises(StoreError, match="it is the store itself"):
        trackhub.import_runs(tmp_path / "there", store=tmp_path / "there")


def test_a_run_that_both_have_imported_is_one(elsewhere, tmp_path):
    """Two imports of one run are two copies of its points: none is copied beside the other."""
    elsewhere.deliver(elsewhere.run())
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    for store in (one, other):
        elsewhere.bring(store.path)
    before = files(other)
    [run] = merge_store(one, other, new_import_header).runs
    assert (run.error, run.added, run.points) == (None, {}, 86)
    assert files(other) == before


def test_a_name_that_is_taken_is_told(written, tmp_path):
    """Another run has the name: under which one it is found here is in the report, and in a note beside the old one."""
    here = Store(tmp_path / "here")
    WrittenRun(tmp_path / "here", project="team/p", name="there")
    here.take_name("team/p", "there", next(here.runs()).id)
    for _ in range(2):
        [run] = merge_store(Store(tmp_path / "there"), here, new_import_header).runs
        assert run.name == "there-2"
        assert [(note.kind, note.subject, note.detail) for note in run.notes] == [
            ("renamed", "there", "it is 'there-2' here")
        ]
        assert find(here, "there-2").id == written.id


def test_what_a_store_has_lost_itself_is_told(written, tmp_path):
    """All that can be read comes; the bytes that cannot are named, and the run is as whole as it can be."""
    written.end()
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    folder = there.find(written.id)
    segment = folder.journal / "w1.seg"
    data = bytearray(segment.read_bytes())
    data[600:640] = bytes(40)
    segment.write_bytes(data)
    first, second = sorted(folder.artifacts.iterdir())
    first.write_bytes(b"?")
    second.unlink()
    report = merge_store(there, here, new_import_header)
    assert report.complete
    [run] = report.runs
    assert [note.kind for note in run.notes] == ["damaged", "missing file", "missing file"]
    assert "w1.seg" in run.notes[0].subject
    assert run.points in range(15, 20)
    assert list(here.find(written.id).artifacts.iterdir()) == []
    second.write_bytes({"a": b"1", "b": b"22"}["a" if second.name.startswith("6b86") else "b"])
    [run] = merge_store(there, here, new_import_header).runs
    assert run.added == {"files": 1}
